"""Exports records as a flat table: CSV, Parquet or JSON lines."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.configuration.nested import leaves
from cadc.errors import UsageError
from cadc.escape import csv_cell, terminal
from cadc.ledger.status import Entry
from cadc.storage.output_files import check_output, write_output

if TYPE_CHECKING:
    import pandas as pd


Row = dict[str, Any]


def rows(entries: Sequence[Entry]) -> list[Row]:
    """Return runs as flat mappings, nested keys joined by dots as in `cadc.ledger.load`."""
    return [leaves({"id": entry.run_id, "status": entry.status} | entry.known) for entry in entries]


def write(entries: Sequence[Entry], path: Path | None) -> None:
    """Write runs as a table in the format of the suffix; without a file, as CSV on standard output.

    In CSV and Parquet, lists and columns of mixed types are written as JSON texts.

    Raises
    ------
    UsageError : for an unknown suffix, or a folder that does not exist.
    """
    if path is None:
        _write_csv(rows(entries), sys.stdout)
        return
    if path.suffix not in WRITERS:
        raise UsageError(f"{str(path)!r} has the suffix {path.suffix!r}; expected one of {', '.join(WRITERS)}.")
    check_output(path)
    write_output(path, lambda partial: WRITERS[path.suffix](rows(entries), partial))


def _write_csv(rows: Sequence[Row], file: Any) -> None:
    # It may be shown on a terminal, which would act on control characters.
    _frame(rows, lambda text: csv_cell(terminal(text))).to_csv(file, index=False)


def _write_parquet(rows: Sequence[Row], path: Path) -> None:
    # JSON can hold lone surrogates, which are not valid text.
    _frame(rows, lambda text: text.encode(errors="backslashreplace").decode()).to_parquet(path, index=False)


def _write_jsonl(rows: Sequence[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


WRITERS: dict[str, Callable[[Sequence[Row], Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
}


def _frame(rows: Sequence[Row], as_text: Callable[[str], str]) -> "pd.DataFrame":
    """Return rows as a data frame in which each column has numbers, booleans or texts only."""
    import pandas as pd

    keys = list(dict.fromkeys(key for row in rows for key in row)) or ["id", "status"]
    columns: dict[str, pd.Series[Any]] = {}
    for key in keys:
        kind, values = _column([row.get(key) for row in rows])
        plain = [as_text(value) if isinstance(value, str) else value for value in values]
        columns[as_text(key)] = pd.Series(plain, dtype=kind)
    return pd.DataFrame(columns)


def _column(values: list[Any]) -> tuple[Any, list[Any]]:
    """Return the type of a column for these values, and the values converted to it."""
    known = [value for value in values if value is not None]
    kinds = {type(value) for value in known}
    if kinds == {bool}:
        return "boolean", values
    # Larger whole numbers would be rounded.
    if kinds == {int} and all(abs(value) < 2**63 for value in known):
        return "Int64", values
    if kinds and kinds <= {int, float} and all(abs(value) < 2**53 for value in known if isinstance(value, int)):
        return "Float64", values
    return "string", [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
