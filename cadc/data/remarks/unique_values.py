"""Fields with nearly a value of their own for each row, user or item."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cadc.data.disk_columns import DiskColumns
from cadc.data.raw import RawLog
from cadc.data.vocabulary import is_missing

LEAST_VALUES = 100
"""Number of values below which nothing is said."""
OF_ROWS, OF_ENTITIES = 0.5, 0.9
"""Number of values, as a share of rows or entities with one, from which on it is said."""
BLOCK_ROWS = 1 << 20


def unique_remarks(
    raw: RawLog, columns: DiskColumns, training_rows: NDArray[np.integer], sizes: Mapping[str, int]
) -> list[str]:
    """Return a sentence about each field that has nearly as many values as rows, users or items have one.

    Parameters
    ----------
    raw : its entities are complete.
    columns : raw columns of codes, in which -1 is a missing value.
    training_rows : numbers of the raw rows of the training part, shape [n].
    sizes : vocabulary size of each field.
    """
    remarks = []
    for field in raw.schema.of("context", bag=False):
        n_values, codes = sizes[field.name] - 1, columns[field.name]
        blocks = (training_rows[at : at + BLOCK_ROWS] for at in range(0, len(training_rows), BLOCK_ROWS))
        n_rows = sum(int((codes[rows] >= 0).sum()) for rows in blocks)
        if n_values >= max(LEAST_VALUES, OF_ROWS * n_rows):
            remarks.append(
                f"the context field {field.name} has {n_values:,} values in {n_rows:,} training rows; nearly a value "
                "per row says nothing about other rows, and each takes a row of an embedding table: leave the field "
                "out, or raise data.min_count"
            )
    for side, table in raw.entities.items():
        for name, values in (*table.fields.items(), *((name, bag.values) for name, bag in table.bags.items())):
            n_values = sizes[name] - 1
            n_present = int((~is_missing(values)).sum())
            # Of a single-valued field, only values of entities with training rows are in the vocabulary.
            most = min(n_present, sizes[side] - 1) if name in table.fields else n_present
            if n_values >= max(LEAST_VALUES, OF_ENTITIES * most):
                remarks.append(
                    f"the {side} field {name} has {n_values:,} values for {most:,} {side}s that have one; nearly a "
                    f"value per {side} says no more than its id, and each takes a row of an embedding table: leave the "
                    "field out"
                )
    return remarks
