"""The schema of records of finished runs: damaged and foreign files are reported before they are used."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cadc.configuration.nested import depth
from cadc.errors import CadcError, shown
from cadc.evaluation.prefixes import TEST
from cadc.evaluation.saved_tables import SAVED
from cadc.ledger.record_hash import KEY, has_its_hashes

MAX_DEPTH = 20


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_id(value: Any) -> bool:
    # It is joined to the folder of a ledger, out of which it must not lead.
    return _is_text(value) and "/" not in value and not value.startswith(".") and bool(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _are_numbers(value: Any) -> bool:
    return _is_table(value) and all(_is_number(item) for item in value.values())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


SCHEMA: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_id, "the name of a folder"),
    "finished_at": (_is_text, "text on one line"),
    "seed": (_is_number, "a number"),
    "uses": (_are_texts, "a list of groups"),
    "config": (_is_table, "keys and values"),
    "config.choices": (_is_table, "keys and values"),
    "data": (_is_table, "keys and values"),
    "data.name": (_is_text, "text on one line"),
    "data.content_hash": (_is_text, "text on one line"),
    "code": (_is_table, "keys and values"),
    "code.hash": (_is_text, "text on one line"),
    "metrics": (_are_numbers, "keys and finite numbers"),
    "cost": (_is_table, "keys and values"),
    "cost.total_s": (_is_number, "a finite number"),
    "factor_dim": (_is_count, "a whole number or null"),
    "rows": (_is_table, "keys and values"),
    "rows.kept": (_is_count, "a whole number or null"),
    "bytes": (_is_table, "keys and values"),
    "bytes.embedding": (_is_count, "a whole number or null"),
}
"""Check and description of the value of each key, joined by dots."""


def check_record(record: Any, where: str | Path, run_id: str | None = None) -> None:
    """Raise a CadcError for a record that lacks a key, has an invalid value, or was changed after it was written.

    Parameters
    ----------
    record : as read from a file.
    where : the file, or its line, for the message.
    run_id : name of its folder, which must be its id; None checks no name.
    """
    advice = "delete it, or restore the file"
    if not isinstance(record, Mapping) or depth(record) >= MAX_DEPTH:
        raise CadcError(f"{where} is not a record (it has no keys and values, or is nested too deeply); {advice}.")
    for key, (fits, expected) in SCHEMA.items():
        node: Any = record
        for part in key.split(".", 1):
            if part not in node:
                raise CadcError(f"{where} is not a record (it lacks {key}); {advice}.")
            node = node[part]
        if not fits(node):
            raise CadcError(f"{where} is not a record ({key} is {shown(node)}; expected {expected}); {advice}.")
    task = record.get("task", "ctr")
    if task not in SAVED:
        raise CadcError(f"{where} is not a record (task is {shown(task)}; expected ctr or ranking); {advice}.")
    is_tested = record["config"].get("evaluate", "test") == "test" and not record.get("unreachable")
    for name in SAVED[task].leading if is_tested else ():
        if f"{TEST}{name}" not in record["metrics"]:
            raise CadcError(f"{where} is not a record (it lacks metrics.{TEST}{name}); {advice}.")
    if KEY in record and not has_its_hashes(record):
        raise CadcError(f"{where} was changed after it was written: its hash is another; {advice}.")
    if run_id is not None and record["id"] != run_id:
        raise CadcError(f"{where} is the record of another run ({shown(record['id'])}); {advice}.")
