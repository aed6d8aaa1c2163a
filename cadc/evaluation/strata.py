"""Test rows apart by how much is known of their user and item."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cadc.errors import DataError, UsageError

ACTIVITY_EDGES = (1, 5, 20, 100)
"""Least number of rows of each class of activity but the first."""


def n_rows_of(entity: ArrayLike, rows_of: ArrayLike) -> NDArray[np.int64]:
    """Return for each test row how many rows its user (or item) has in the sample, or in training.

    Parameters
    ----------
    entity : user or item of each test row, shape [n].
    rows_of : user or item of each row of the sample, or of training, shape [m].

    Returns
    -------
    count : int64, shape [n]; 0 for one that was never seen.

    >>> n_rows_of(["a", "b", "a"], ["a", "c", "a"])
    array([2, 0, 2])
    """
    counts = pd.Series(np.asarray(rows_of)).value_counts()
    return counts.reindex(np.asarray(entity)).fillna(0).to_numpy().astype(np.int64)


def by_activity(n_rows: NDArray[np.integer], edges: Sequence[int] = ACTIVITY_EDGES) -> pd.Categorical:
    """Return the class of activity of each test row from the rows of its user, in the sample or in training.

    Parameters
    ----------
    n_rows : of each test row's user, int, shape [n]; see `n_rows_of`.
    edges : least number of rows of each class but the first, rising.

    Raises
    ------
    UsageError : where the edges do not rise from 1.

    >>> list(by_activity(np.array([0, 4, 5, 1000])))
    ['0', '1-4', '5-19', '100+']
    """
    if not edges or edges[0] < 1 or any(np.diff(edges) <= 0):
        raise UsageError(f"the edges of activity are {list(edges)}; they must rise, from at least 1.")
    bounds = [0, *edges]
    names = [str(low) if high - low == 1 else f"{low}-{high - 1}" for low, high in zip(bounds, edges, strict=False)] + [
        f"{edges[-1]}+"
    ]
    return _categorical(np.searchsorted(edges, n_rows, side="right"), names)


def warm_and_cold(n_rows_of_user: NDArray[np.integer], n_rows_of_item: NDArray[np.integer]) -> pd.Categorical:
    """Return for each test row whether user and item were seen: `warm`, `cold user`, `cold item` or `cold both`.

    Parameters
    ----------
    n_rows_of_user, n_rows_of_item : of each test row, in the sample or in training, int, shape [n].

    >>> list(warm_and_cold(np.array([1, 0, 3, 0]), np.array([1, 1, 0, 0])))
    ['warm', 'cold user', 'cold item', 'cold both']
    """
    code = (np.asarray(n_rows_of_user) == 0) + 2 * (np.asarray(n_rows_of_item) == 0).astype(np.int64)
    return _categorical(code, ["warm", "cold user", "cold item", "cold both"])


def metric_by_stratum(
    scores: pd.DataFrame,
    stratum: pd.Categorical,
    metric: Callable[[NDArray[Any], NDArray[Any]], float],
) -> pd.DataFrame:
    """Return a metric of each stratum of saved scores, with the rows and users behind it.

    Two arms are compared on a stratum by handing `compare` the rows of that stratum alone.

    Parameters
    ----------
    scores : with the columns label, probability and, where there are users, user.
    stratum : of each row; see `by_activity` and `warm_and_cold`.
    metric : takes labels and probabilities, such as `auc`.

    Returns
    -------
    table : a line a stratum that has rows: stratum, n_rows, n_users (None without users), value. The value is NaN where
        the metric is undefined, as AUC is for rows of one class.

    Raises
    ------
    DataError : where scores and strata differ in length.
    """
    if len(scores) != len(stratum):
        raise DataError(f"{len(scores)} scores cannot be told apart by {len(stratum)} strata.")
    lines = []
    for name in stratum.categories[np.unique(stratum.codes[stratum.codes >= 0])]:
        rows = scores[np.asarray(stratum == name)]
        try:
            value = metric(rows["label"].to_numpy(), rows["probability"].to_numpy())
        except DataError:
            value = np.nan
        n_users = rows["user"].nunique() if "user" in rows else None
        lines.append({"stratum": name, "n_rows": len(rows), "n_users": n_users, "value": value})
    return pd.DataFrame(lines, columns=["stratum", "n_rows", "n_users", "value"])


def _categorical(code: NDArray[np.integer], names: Sequence[str]) -> pd.Categorical:
    return pd.Categorical([names[number] for number in code], categories=list(names), ordered=True)
