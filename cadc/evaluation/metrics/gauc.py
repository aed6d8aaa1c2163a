"""Area under the ROC curve within each user, averaged over users."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError
from cadc.evaluation.metrics.metric import Metric, Resampled, label_and_probability
from cadc.evaluation.resampling.ratio_of_sums import RatioOfSums


class GroupedAUC(Metric):
    """AUC within users, of those with labels of both classes, weighted by their rows."""

    name = "gauc"
    label = "GAUC"
    task = "ctr"
    higher_is_better = True
    bounds = (0.0, 1.0)
    columns = ("label", "probability", "user")

    def value(self, rows: pd.DataFrame) -> float:
        """Return the weighted mean over users; undefined where no user has labels of both classes."""
        return gauc(*label_and_probability(rows), rows["user"].to_numpy()).value

    def resample(self, rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
        """Return the weighted mean as a function of how often each user is drawn."""
        users = auc_by_user(*label_and_probability(rows), unit, n_units)
        both = ~np.isnan(users.auc)
        return RatioOfSums(np.where(both, users.n_rows * users.auc, 0.0), np.where(both, users.n_rows, 0).astype(float))


class GAUC(NamedTuple):
    """Grouped AUC and the number of users behind it.

    Parameters
    ----------
    value : mean AUC of the users with both classes, weighted by their rows.
    n_users : users with both classes.
    n_left_out : users with one class, whose AUC is undefined.
    """

    value: float
    n_users: int
    n_left_out: int


class UserAUC(NamedTuple):
    """AUC of each user, in the order of the users' codes.

    Parameters
    ----------
    auc : float64, shape [n_users]; NaN for a user with one class or without rows.
    n_rows : int64, shape [n_users].
    """

    auc: NDArray[np.float64]
    n_rows: NDArray[np.int64]


def gauc(label: NDArray[np.floating], score: NDArray[np.floating], user: NDArray[Any]) -> GAUC:
    """Return the AUC within users, each weighted by its impressions (rows).

    sum_u n_u AUC_u / sum_u n_u over users with both classes (Zhu et al. 2017, "Optimized cost per click in Taobao
    display advertising", section 5.1).

    Parameters
    ----------
    label : 0 or 1, shape [n].
    score : any real numbers, shape [n]; ties within a user count half.
    user : id of each row's user, of any type, shape [n].

    Raises
    ------
    DataError : where no user has labels of both classes.

    >>> gauc(np.array([0, 1, 1, 0, 1.0]), np.array([0.1, 0.2, 0.3, 0.9, 0.8]), np.array([7, 7, 7, 8, 8]))
    GAUC(value=0.6, n_users=2, n_left_out=0)
    """
    found, code = np.unique(user, return_inverse=True)
    users = auc_by_user(label, score, code, len(found))
    both = ~np.isnan(users.auc)
    if not both.any():
        raise DataError(f"GAUC is undefined: none of {len(found)} users has labels of both classes.")
    value = np.average(users.auc[both], weights=users.n_rows[both])
    return GAUC(float(value), int(both.sum()), int((~both).sum()))


def auc_by_user(
    label: NDArray[np.floating], score: NDArray[np.floating], code: NDArray[np.integer], n_users: int
) -> UserAUC:
    """Return the AUC of every user, all at once: mid-ranks within users.

    Parameters
    ----------
    label : 0 or 1, shape [n].
    score : any real numbers, shape [n].
    code : number of each row's user, integers from 0 to n_users - 1, shape [n].
    n_users : length of the result.
    """
    order = np.lexsort((score, code))
    users, scores, positive = code[order], score[order], np.asarray(label)[order] > 0.5
    n_rows = np.bincount(users, minlength=n_users)
    starts_tie = np.ones(len(users), bool)
    starts_tie[1:] = (users[1:] != users[:-1]) | (scores[1:] != scores[:-1])
    first = np.flatnonzero(starts_tie)
    size = np.diff(np.append(first, len(users)))
    place = np.repeat(first + (size + 1) / 2, size)
    # Ranks start at one within each user.
    mid_rank = place - (np.cumsum(n_rows) - n_rows)[users]
    rank_sum = np.bincount(users, mid_rank * positive, minlength=n_users)
    n_positive = np.bincount(users, positive, minlength=n_users)
    n_pairs = n_positive * (n_rows - n_positive)
    above = rank_sum - n_positive * (n_positive + 1) / 2
    return UserAUC(np.divide(above, n_pairs, out=np.full(n_users, np.nan), where=n_pairs > 0), n_rows)
