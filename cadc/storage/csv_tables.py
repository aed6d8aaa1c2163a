"""Tables as CSV in which no name is a formula: written for spreadsheets, and read back as they were."""

import pandas as pd

from cadc.escape import csv_cell, from_csv_cell


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV; names of columns and texts that a spreadsheet would compute get an apostrophe."""
    safe = table.rename(columns=lambda name: csv_cell(str(name)))
    for name in safe.select_dtypes(["object", "string"]):
        safe[name] = safe[name].map(lambda value: csv_cell(value) if isinstance(value, str) else value)
    return safe.to_csv(index=False, lineterminator="\n")


def as_written(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table that was read from such a CSV with the texts that were written."""
    found = table.rename(columns=lambda name: from_csv_cell(str(name)))
    for name in found.select_dtypes(["object", "string"]):
        found[name] = found[name].map(lambda value: from_csv_cell(value) if isinstance(value, str) else value)
    return found
