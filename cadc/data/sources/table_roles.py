"""What the columns of a table may mean together, whatever its files hold."""

from typing import TYPE_CHECKING

from cadc.errors import UsageError

if TYPE_CHECKING:
    from cadc.data.sources.table import Table

RESERVED = ("user", "item", "label", "time", "part", "row", "oracle", "dense", "context_ids")
"""Names of the columns of a log, which no feature may have."""


def require_roles(table: "Table") -> None:
    """Raise a UsageError if the options of a table contradict each other."""
    where = table.description or "data=table"
    if table.label is None and table.rating is None:
        raise UsageError(
            f"{where} has neither label nor rating; it needs label (a column of 0 and 1), or rating with threshold."
        )
    if table.label is not None and table.threshold is not None:
        raise UsageError(
            f"{where} has both label and threshold; leave out the threshold if {table.label!r} is the label, or the "
            "label if a rating from the threshold on is positive."
        )
    if table.label is None and table.threshold is None:
        raise UsageError(
            f"{where} has a rating without threshold; set data.threshold to the lowest {table.rating} that is a "
            "positive label, or name a column of labels in data.label."
        )
    for side, column, features in (
        ("user", table.user, (*table.user_fields, *table.user_bags)),
        ("item", table.item, (*table.item_fields, *table.item_bags)),
    ):
        if features and column is None:
            raise UsageError(f"{where} names the {side} feature {features[0]!r} but no column {side}; set data.{side}.")
    if not (table.user or table.item or table.context_fields):
        raise UsageError(f"{where} names neither user nor item nor context_fields; name at least one.")
    if not table.bag_separator:
        raise UsageError(f"{where}: bag_separator is empty; it must separate two values of a bag.")
    _require_one_meaning(table, where)


def _require_one_meaning(table: "Table", where: str) -> None:
    columns = table.columns()
    for column in columns:
        if columns.count(column) > 1:
            raise UsageError(f"{where} gives the column {column!r} several meanings; give it one.")
        if not table.header and not (column.isdecimal() and column[0] != "0"):
            raise UsageError(
                f"{where} names the column {column!r}, but has header false; columns have numbers from 1 then."
            )
    for name in table.features():
        if name in RESERVED:
            raise UsageError(f"{where} has a feature {name!r}, which is a name of the log itself; rename the column.")


def require_parts(table: "Table") -> None:
    """Raise a UsageError if parts have both a column and files, or there is a validation file alone."""
    if table.validation_path is not None and table.test_path is None:
        raise UsageError("data.validation_path is set without data.test_path; set both, or only data.test_path.")
    if table.part is not None and table.test_path is not None:
        raise UsageError(
            f"{table.description or 'data=table'} names the column {table.part!r} of parts, and data.test_path gives a "
            "part a file of its own; choose one of both."
        )
