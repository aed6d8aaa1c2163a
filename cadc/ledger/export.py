"""Records as a flat table for other programs: CSV, Parquet or JSON lines."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.errors import UsageError
from cadc.ledger.plain import harmless, leaves
from cadc.ledger.survey import Entry

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
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        WRITERS[path.suffix](rows(entries), partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_csv(rows: Sequence[Row], file: Any) -> None:
    # People look at it with `cat`, and a spreadsheet cannot show what a terminal acts on either.
    flat = _frame(rows).map(lambda value: harmless(value) if isinstance(value, str) else value)
    flat.rename(columns=lambda name: harmless(name, 200)).to_csv(file, index=False)


def _write_parquet(rows: Sequence[Row], path: Path) -> None:
    _frame(rows).to_parquet(path, index=False)


def _write_jsonl(rows: Sequence[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS: dict[str, Callable[[Sequence[Row], Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
}


def _frame(rows: Sequence[Row]) -> "pd.DataFrame":
    """Return rows as a frame whose columns hold numbers, truth values or texts, each column of one kind."""
    import pandas as pd

    keys = list(dict.fromkeys(key for row in rows for key in row)) or ["id", "status"]
    return pd.DataFrame({key: _column([row.get(key) for row in rows]) for key in keys})


def _column(values: list[Any]) -> "pd.Series[Any]":
    import pandas as pd

    known = [value for value in values if value is not None]
    kinds = {type(value) for value in known}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    # Whole numbers beyond these would be others afterwards.
    if kinds == {int} and all(abs(value) < 2**63 for value in known):
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float} and all(abs(value) < 2**53 for value in known if isinstance(value, int)):
        return pd.Series(values, dtype="Float64")
    return pd.Series(
        [value if value is None or isinstance(value, str) else json.dumps(value) for value in values], dtype="string"
    )
