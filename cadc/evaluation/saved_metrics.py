"""Metrics of scores and ranks that were saved: those that a record holds, as far as they are defined."""

from collections.abc import Collection, Sequence

import pandas as pd

from cadc.errors import DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.saved_tables import SAVED, Task


def metrics_of(rows: pd.DataFrame, task: Task) -> dict[str, float]:
    """Return the metrics of saved scores or ranks that a record holds.

    Those that are undefined are left out, as GAUC is without users, unless every record has them.

    Parameters
    ----------
    rows : as `table` of `cadc.evaluation.tasks.HeldOutRows` or `HeldOutRanks` returns them.
    task : of the run.

    Raises
    ------
    DataError : where one of the metrics that every record has is undefined.
    """
    return defined_metrics(rows, SAVED[task].recorded, SAVED[task].leading)


def defined_metrics(rows: pd.DataFrame, names: Sequence[str], required: Collection[str] = ()) -> dict[str, float]:
    """Return those of some metrics that are defined on saved rows, by name.

    Parameters
    ----------
    rows : saved scores or ranks; a metric whose columns they lack is left out.
    names : of the metrics.
    required : those of them that must be defined where the columns are there.

    Raises
    ------
    DataError : where a required one is undefined.
    """
    found: dict[str, float] = {}
    for name in names:
        own = metric(name)
        if set(own.columns) <= set(rows):
            try:
                found[name] = own.value(rows)
            except DataError:
                if name in required:
                    raise
    return found
