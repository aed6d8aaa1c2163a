"""Metrics of a segment's held-out rows apart by whether user or item had a training row in an earlier segment."""

from typing import Any

import pandas as pd

from cadc.data.schema import ENTITY_FIELDS
from cadc.evaluation.saved_metrics import defined_metrics
from cadc.evaluation.saved_tables import Task

OF_STRATA: dict[Task, tuple[str, ...]] = {
    "ctr": ("auc", "logloss"),
    "ranking": ("recall@20", "ndcg@20", "hr@10"),
}
"""Metrics of each stratum, by task."""


def column_before(side: str) -> str:
    """Return the column of saved rows that counts a row's user's, or item's, training rows of earlier segments."""
    return f"{side}_rows_before"


def metrics_of_newcomers(rows: pd.DataFrame, task: Task) -> dict[str, dict[str, Any]]:
    """Return the metrics of warm users, new users, warm items and new items.

    A user or item with a training row in an earlier segment is warm. One that arrives in the segment, or that has no
    training row at all, is new. Strata without rows are left out, and so are metrics that are undefined in a stratum.

    Parameters
    ----------
    rows : saved scores or ranks of a segment, with the columns of `column_before`.
    task : of the run.

    Returns
    -------
    strata : by their names, such as `warm users`: `rows`, their number, and the metrics by name.
    """
    found: dict[str, dict[str, Any]] = {}
    for side in ENTITY_FIELDS:
        is_new = rows[column_before(side)].to_numpy() == 0
        for name, kept in (("warm", ~is_new), ("new", is_new)):
            if kept.any():
                own = rows[kept]
                found[f"{name} {side}s"] = {"rows": len(own), **defined_metrics(own, OF_STRATA[task])}
    return found
