"""Records as a flat table for other programs: CSV, Parquet or JSON lines."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.errors import UsageError
from cadc.ledger.nested import leaves
from cadc.ledger.safe_text import harmless
from cadc.ledger.status import Entry
from cadc.storage.atomic_files import write_file

if TYPE_CHECKING:
    import pandas as pd


Row = dict[str, Any]


def rows(entries: Sequence[Entry]) -> list[Row]:
    """Return runs as flat mappings, nested keys joined by dots as in `cadc.ledger.load`."""
    return [leaves({"id": entry.run_id, "status": entry.status} | entry.known) for entry in entries]


def write(entries: Sequence[Entry], path: Path | None) -> None:
    """Write runs as a table; the suffix of the file says how, and none is CSV on standard output.

    Lists are JSON texts in CSV and Parquet, as is all else that no column can hold.

    Raises
    ------
    UsageError : for another suffix.
    """
    if path is None:
        _write_csv(rows(entries), sys.stdout)
        return
    if path.suffix not in WRITERS:
        raise UsageError(f"{str(path)!r} ends in none of {', '.join(WRITERS)}, so nobody knows how to write it.")
    write_file(path, lambda partial: WRITERS[path.suffix](rows(entries), partial))


def _write_csv(rows: Sequence[Row], file: Any) -> None:
    # People look at it with `cat`, and a spreadsheet cannot show what a terminal acts on either.
    _frame(rows, lambda text: harmless(text, sys.maxsize)).to_csv(file, index=False)


def _write_parquet(rows: Sequence[Row], path: Path) -> None:
    # Halves of characters, which JSON can hold, are no text.
    _frame(rows, lambda text: text.encode(errors="backslashreplace").decode()).to_parquet(path, index=False)


def _write_jsonl(rows: Sequence[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS: dict[str, Callable[[Sequence[Row], Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
}


def _frame(rows: Sequence[Row], as_text: Callable[[str], str]) -> "pd.DataFrame":
    """Return rows as a frame whose columns hold numbers, truth values or texts, each column of one kind."""
    import pandas as pd

    keys = list(dict.fromkeys(key for row in rows for key in row)) or ["id", "status"]
    columns: dict[str, pd.Series[Any]] = {}
    for key in keys:
        kind, values = _column([row.get(key) for row in rows])
        plain = [as_text(value) if isinstance(value, str) else value for value in values]
        columns[as_text(key)] = pd.Series(plain, dtype=kind)
    return pd.DataFrame(columns)


def _column(values: list[Any]) -> tuple[Any, list[Any]]:
    """Return the type of a column that can hold these values, and the values for it."""
    known = [value for value in values if value is not None]
    kinds = {type(value) for value in known}
    if kinds == {bool}:
        return "boolean", values
    # Whole numbers beyond these would be others afterwards.
    if kinds == {int} and all(abs(value) < 2**63 for value in known):
        return "Int64", values
    if kinds and kinds <= {int, float} and all(abs(value) < 2**53 for value in known if isinstance(value, int)):
        return "Float64", values
    return "string", [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
