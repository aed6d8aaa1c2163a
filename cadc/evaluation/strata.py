"""Strata of test rows: by activity or coherence of the user, and by whether user and item are new."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cadc.errors import DataError, UsageError
from cadc.evaluation.metrics.lookup import comparable_metric

QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
ACTIVITY_EDGES = (1, 5, 20, 100)
"""Least number of rows of each activity class; below the first of them is a class of its own."""


def n_rows_of(entity: ArrayLike, rows_of: ArrayLike) -> NDArray[np.int64]:
    """Return how many rows each test row's user (or item) has in the sample, or in training.

    Parameters
    ----------
    entity : user or item of each test row, shape [n].
    rows_of : user or item of each row of the sample, or of training, shape [m].

    Returns
    -------
    count : int64, shape [n]; 0 if it was never seen.

    >>> n_rows_of(["a", "b", "a"], ["a", "c", "a"])
    array([2, 0, 2])
    """
    counts = pd.Series(np.asarray(rows_of)).value_counts()
    return counts.reindex(np.asarray(entity)).fillna(0).to_numpy().astype(np.int64)


def by_activity(n_rows: NDArray[np.integer], edges: Sequence[int] = ACTIVITY_EDGES) -> pd.Categorical:
    """Return the activity class of each test row, by the rows of its user in the sample or in training.

    Parameters
    ----------
    n_rows : rows of each test row's user, int, shape [n]; see `n_rows_of`.
    edges : least number of rows of each class but the first, increasing.

    Raises
    ------
    UsageError : for edges below 1, or not increasing.

    >>> list(by_activity(np.array([0, 4, 5, 1000])))
    ['0', '1-4', '5-19', '100+']
    """
    if not edges or edges[0] < 1 or any(np.diff(edges) <= 0):
        raise UsageError(f"the activity edges are {list(edges)}; expected increasing numbers from 1.")
    bounds = [0, *edges]
    names = [str(low) if high - low == 1 else f"{low}-{high - 1}" for low, high in zip(bounds, edges, strict=False)] + [
        f"{edges[-1]}+"
    ]
    return _categorical(np.searchsorted(edges, n_rows, side="right"), names)


def warm_and_cold(n_rows_of_user: NDArray[np.integer], n_rows_of_item: NDArray[np.integer]) -> pd.Categorical:
    """Return for each test row whether user and item were seen: `warm`, `cold user`, `cold item` or `cold both`.

    Parameters
    ----------
    n_rows_of_user, n_rows_of_item : rows of each test row's user and item in the sample or in training, int, shape [n].

    >>> list(warm_and_cold(np.array([1, 0, 3, 0]), np.array([1, 1, 0, 0])))
    ['warm', 'cold user', 'cold item', 'cold both']
    """
    code = (np.asarray(n_rows_of_user) == 0) + 2 * (np.asarray(n_rows_of_item) == 0).astype(np.int64)
    return _categorical(code, ["warm", "cold user", "cold item", "cold both"])


def by_quarter(value: NDArray[np.floating], user: ArrayLike) -> pd.Categorical:
    """Return for each test row the quarter of users that its user is in, by a value of users, lowest first.

    Users of equal value are in one quarter, so that some quarters may be larger.

    Parameters
    ----------
    value : of each test row's user, shape [n]; rows of users without one (NaN) are in no stratum.
    user : of each test row, shape [n].

    >>> list(by_quarter(np.array([0.1, 0.1, 0.2, 0.3, 0.4]), ["a", "a", "b", "c", "d"]))
    ['lowest quarter', 'lowest quarter', 'second quarter', 'third quarter', 'highest quarter']
    """
    value = np.asarray(value, np.float64)
    of_users = value[np.unique(np.asarray(user), return_index=True)[1]]
    of_users = of_users[~np.isnan(of_users)]
    edges = np.quantile(of_users, (0.25, 0.5, 0.75)) if len(of_users) else np.zeros(3)
    code = np.where(np.isnan(value), len(QUARTERS), np.searchsorted(edges, value))
    found = _categorical(code, [*QUARTERS, "none"])
    return found.remove_categories("none")


def metrics_by_stratum(rows: pd.DataFrame, stratum: pd.Categorical, metrics: Sequence[str]) -> pd.DataFrame:
    """Return metrics of each stratum of saved scores or ranks, with its numbers of rows and users.

    To compare two arms on a stratum, pass the rows of that stratum to `compare`.

    Parameters
    ----------
    rows : saved scores (label, probability and, where there are users, user) or ranks (user, rank).
    stratum : stratum of each row; see `by_activity` and `warm_and_cold`.
    metrics : such as `auc` or `ndcg@10`, see `cadc.evaluation.metrics`.

    Returns
    -------
    table : one line for each stratum with rows: stratum, n_rows, n_users (None without users), and a column for each
        metric, NaN where it is undefined, as AUC is for rows of one class.

    Raises
    ------
    DataError : if rows and strata differ in length.
    """
    if len(rows) != len(stratum):
        raise DataError(f"there are {len(rows)} rows and {len(stratum)} strata; expected a stratum for each row.")
    lines = []
    for name in stratum.categories[np.unique(stratum.codes[stratum.codes >= 0])]:
        own = rows[np.asarray(stratum == name)]
        n_users = own["user"].nunique() if "user" in own else None
        lines.append({"stratum": name, "n_rows": len(own), "n_users": n_users, **_metrics(own, metrics)})
    return pd.DataFrame(lines, columns=["stratum", "n_rows", "n_users", *metrics])


def _metrics(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, float]:
    unit = pd.factorize(rows["user"])[0] if "user" in rows else np.zeros(len(rows), np.int64)
    n_units = int(unit.max()) + 1
    once = np.ones((1, n_units), np.int32)
    return {name: float(comparable_metric(name).resample(rows, unit, n_units)(once)[0]) for name in names}


def _categorical(code: NDArray[np.integer], names: Sequence[str]) -> pd.Categorical:
    return pd.Categorical([names[number] for number in code], categories=list(names), ordered=True)
