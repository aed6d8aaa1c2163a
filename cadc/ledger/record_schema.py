"""What every record of a finished run holds: a damaged or foreign file is named before anything is made of it."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cadc.errors import CadcError, shown
from cadc.evaluation.prefixes import TEST
from cadc.evaluation.saved_tables import SAVED

MAX_DEPTH = 20


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_numbers(value: Any) -> bool:
    return _is_table(value) and all(_is_number(item) for item in value.values())


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


SHAPE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_text, "a text on one line"),
    "finished_at": (_is_text, "a text on one line"),
    "seed": (_is_number, "a number"),
    "uses": (_is_words, "a list of groups"),
    "config": (_is_table, "keys and values"),
    "config.choices": (_is_table, "keys and values"),
    "data": (_is_table, "keys and values"),
    "data.name": (_is_text, "a text on one line"),
    "data.content_hash": (_is_text, "a text on one line"),
    "code": (_is_table, "keys and values"),
    "code.hash": (_is_text, "a text on one line"),
    "metrics": (_is_numbers, "keys and finite numbers"),
    "cost": (_is_table, "keys and values"),
    "cost.total_s": (_is_number, "a finite number"),
    "factor_dim": (_is_count, "a whole number or null"),
    "rows": (_is_table, "keys and values"),
    "rows.kept": (_is_count, "a whole number or null"),
    "bytes": (_is_table, "keys and values"),
    "bytes.embedding": (_is_count, "a whole number or null"),
}
"""Keys joined by dots, and what stands there."""


def require_whole(record: Any, where: str | Path, run_id: str | None = None) -> None:
    """Raise a CadcError for a record that lacks something, or holds something else there.

    Parameters
    ----------
    record : as it was read from a file.
    where : the file, or the line of one, for the sentence.
    run_id : name of the folder that it lies in, which its id must be.
    """
    advice = "delete it, or restore the file"
    if not isinstance(record, Mapping) or _depth(record) > MAX_DEPTH:
        raise CadcError(f"{where} is no record (no keys and values, or nested too deep); {advice}.")
    for key, (fits, expected) in SHAPE.items():
        node: Any = record
        for part in key.split(".", 1):
            if part not in node:
                raise CadcError(f"{where} is no record (it lacks {key}); {advice}.")
            node = node[part]
        if not fits(node):
            raise CadcError(f"{where} is no record ({key} is {shown(node)}; expected {expected}); {advice}.")
    task = record.get("task", "ctr")
    if task not in SAVED:
        raise CadcError(f"{where} is no record (task is {shown(task)}; expected ctr or ranking); {advice}.")
    is_tested = record["config"].get("evaluate", "test") == "test" and not record.get("unreachable")
    for name in SAVED[task].leading if is_tested else ():
        if f"{TEST}{name}" not in record["metrics"]:
            raise CadcError(f"{where} is no record (it lacks metrics.{TEST}{name}); {advice}.")
    if run_id is not None and record["id"] != run_id:
        raise CadcError(f"{where} is the record of another run ({shown(record['id'])}); {advice}.")


def _depth(value: Any) -> int:
    """Return how deep dictionaries and lists are nested, without a call for each level."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        inner = [list(node.values()) if isinstance(node, Mapping) else node for node in level]
        level = [item for items in inner if isinstance(items, list) for item in items]
        depth += 1
    return depth
