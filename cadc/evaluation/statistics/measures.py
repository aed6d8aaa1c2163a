"""The metrics that arms can be compared by: which way is better, what they read, and how they are resampled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import UsageError
from cadc.evaluation.gauc import auc_by_user
from cadc.evaluation.ranking.hit_rate import hit_rate
from cadc.evaluation.ranking.ndcg import ndcg
from cadc.evaluation.ranking.recall import recall
from cadc.evaluation.ranking.reciprocal_rank import reciprocal_rank
from cadc.evaluation.statistics.ratio import RatioOfSums
from cadc.evaluation.statistics.weighted_auc import WeightedAUC

Resampled = Callable[[NDArray[np.integer[Any]]], NDArray[np.float64]]
"""Takes multiplicities of the units [b, n_units]; returns the metric of every replicate, float64 [b]."""

Prepare = Callable[[pd.DataFrame, NDArray[np.integer], int], Resampled]
"""Takes saved rows, the number of each row's unit and how many units there are."""


@dataclass(frozen=True)
class Measure:
    """A metric of saved rows.

    Parameters
    ----------
    name : such as `auc` or `ndcg@10`.
    higher_is_better : which way is better.
    key : columns that tell the saved rows apart.
    truth : columns in which two arms must agree.
    value : column that an arm answers with.
    needs_users : whether it is undefined without the column `user`.
    prepare : makes it a function of the multiplicities of units.
    """

    name: str
    higher_is_better: bool
    key: tuple[str, ...]
    truth: tuple[str, ...]
    value: str
    needs_users: bool
    prepare: Prepare


def measure(name: str) -> Measure:
    """Return a metric by name: `auc`, `logloss`, `gauc`, `hr@K`, `ndcg@K`, `recall@K` or `mrr`.

    Raises
    ------
    UsageError : for another name.
    """
    if name in MEASURES:
        return MEASURES[name]
    kind, _, k = name.partition("@")
    if kind in RANKING and k.isdecimal() and int(k) > 0:
        return _of_ranks(name, partial(RANKING[kind], k=int(k)))
    known = [*MEASURES, *(f"{kind}@K" for kind in RANKING)]
    raise UsageError(f"there is no metric {name!r} to compare arms by; there are {', '.join(known)}.")


def _auc(rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
    return WeightedAUC(rows["label"].to_numpy(), rows["probability"].to_numpy(), unit)


def _logloss(rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
    # Row by row; their mean is `cadc.evaluation.logloss.logloss`.
    spacing = np.finfo(np.float64).eps
    inside = np.clip(rows["probability"].to_numpy(np.float64), spacing, 1 - spacing)
    loss = -np.where(rows["label"].to_numpy() > 0.5, np.log(inside), np.log1p(-inside))
    n_rows = np.bincount(unit, minlength=n_units).astype(np.float64)
    return RatioOfSums(np.bincount(unit, loss, minlength=n_units).astype(np.float64), n_rows)


def _gauc(rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
    users = auc_by_user(rows["label"].to_numpy(), rows["probability"].to_numpy(), unit, n_units)
    both = ~np.isnan(users.auc)
    return RatioOfSums(np.where(both, users.n_rows * users.auc, 0.0), np.where(both, users.n_rows, 0).astype(float))


def _of_ranks(name: str, by_user: Callable[[NDArray[np.float64], NDArray[np.integer]], NDArray[np.float64]]) -> Measure:
    def prepare(rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
        value = np.full(n_units, np.nan)
        found = by_user(rows["rank"].to_numpy(np.float64), unit)
        value[: len(found)] = found
        return RatioOfSums(np.nan_to_num(value, nan=0.0), (~np.isnan(value)).astype(np.float64))

    return Measure(name, True, ("user", "item"), (), "rank", True, prepare)


def _of_scores(name: str, higher_is_better: bool, needs_users: bool, prepare: Prepare) -> Measure:
    return Measure(name, higher_is_better, ("row",), ("label",), "probability", needs_users, prepare)


RANKING: dict[str, Callable[..., NDArray[np.float64]]] = {"hr": hit_rate, "ndcg": ndcg, "recall": recall}

MEASURES: dict[str, Measure] = {
    "auc": _of_scores("auc", True, False, _auc),
    "logloss": _of_scores("logloss", False, False, _logloss),
    "gauc": _of_scores("gauc", True, True, _gauc),
    "mrr": _of_ranks("mrr", reciprocal_rank),
}
