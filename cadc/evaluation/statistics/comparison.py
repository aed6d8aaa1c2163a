"""Paired comparison of two arms from their saved scores: a bootstrap over users crossed with seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError, UsageError
from cadc.evaluation.metrics.lookup import comparable_metric
from cadc.evaluation.metrics.metric import Metric
from cadc.evaluation.statistics.crossed import CrossedInterval, crossed_interval
from cadc.evaluation.statistics.printed import interval_text, p_text
from cadc.evaluation.statistics.replicates import Memory, replicates
from cadc.evaluation.statistics.share import Share, share
from cadc.evaluation.statistics.verdict import DEFAULT_MARGIN, verdict
from cadc.terminal.counted import counted

N_REPLICATES = 1000

MOST_UNDEFINED = 0.05
"""Share of replicates in which the metric may be undefined; they are left out."""


@dataclass(frozen=True)
class Comparison:
    """Difference of an arm to the reference, arm minus reference, in the unit of the metric.

    Parameters
    ----------
    metric : name of the metric.
    interval : mean over seeds with its interval.
    by_seed : difference of each seed, float64, shape [n_seeds].
    advantage : the difference, negated where lower is better.
    p_difference : p value of *no difference*, two-sided, not adjusted.
    p_margin : p value of *the advantage is at most -margin*, one-sided, not adjusted.
    margin : margin of non-inferiority.
    n_units : users in the bootstrap, or rows where there are no users.
    unit : `user` or `row`.
    share : share of the reference's metric that the arm reaches; None where lower is better.
    is_equal : whether the metric of both is the same to the last bit, for every seed and every draw of users.
    level : coverage of the interval; claims are made at 1 - level, two-sided.
    """

    metric: str
    interval: CrossedInterval
    by_seed: NDArray[np.float64]
    advantage: float
    p_difference: float
    p_margin: float
    margin: float
    n_units: int
    unit: str
    share: Share | None = None
    is_equal: bool = False
    level: float = 0.95

    @property
    def verdict(self) -> str:
        """Return the verdict by p values of this comparison alone, see `cadc.evaluation.statistics.verdict.verdict`."""
        p, n_seeds = (self.p_difference, self.p_margin), self.interval.n_seeds
        return verdict(self.advantage, *p, n_seeds, self.margin, round(1 - self.level, 12), self.is_equal)

    def __str__(self) -> str:
        low, high, n_seeds = self.interval.low, self.interval.high, self.interval.n_seeds
        found, level = self.verdict, 1 - self.level
        # The p value is that of the test which decided.
        p = (
            f"one-sided p = {p_text(self.p_margin, level / 2)} of the margin"
            if found.startswith("as good")
            else f"p = {p_text(self.p_difference, level)}"
        )
        return (
            f"{self.metric} {self.interval.estimate:+.4f} {interval_text(low, high, (0, -self.margin, self.margin))}, "
            f"{p}, {counted(n_seeds, 'seed')}, {self.n_units} {self.unit}s: {found}"
        )


def compare(
    arm: Sequence[pd.DataFrame],
    reference: Sequence[pd.DataFrame],
    metric: str | Metric = "auc",
    margin: float = DEFAULT_MARGIN,
    n_replicates: int = N_REPLICATES,
    generator: np.random.Generator | None = None,
    level: float = 0.95,
    memory: Memory | None = None,
) -> Comparison:
    """Compare an arm with a reference on the same rows, seed by seed.

    Parameters
    ----------
    arm, reference : saved rows of each seed, in the same order of seeds. Scores have the columns row, label,
        probability and, where there are users, user; ranks have user, item and rank. Rows may be in any order, and may
        differ between seeds, as they do where each seed draws its own split.
    metric : such as `auc` or `ndcg@10`, see `cadc.evaluation.metrics`.
    margin : margin of non-inferiority, in the metric's unit, 0 or more.
    n_replicates : draws of users.
    generator : random generator of the draws; None takes one seeded with 0, so that tables are reproducible.
    level : coverage of the interval.
    memory : keeps values of runs that are compared several times, see `replicates`.

    Raises
    ------
    DataError : if the rows of a pair differ, a column is missing, or the metric is undefined.
    UsageError : for a metric that arms cannot be compared by, or a negative margin.
    """
    if not margin >= 0:
        raise UsageError(f"margin is {margin:g}; expected 0 or more.")
    chosen = comparable_metric(metric) if isinstance(metric, str) else metric
    if len(arm) != len(reference) or not len(arm):
        raise DataError(f"{len(arm)} and {len(reference)} runs cannot be paired seed by seed.")
    pairs = [_align(*pair, chosen) for pair in zip(arm, reference, strict=True)]
    unit = "user" if all("user" in rows for pair in pairs for rows in pair) else "row"
    drawn_from = np.concatenate([rows[unit].to_numpy() for rows, _ in pairs])
    # Sorted, so that the order of seeds does not change who is drawn.
    codes, names = pd.factorize(drawn_from, sort=True, use_na_sentinel=False)
    by_seed = np.split(codes, np.cumsum([len(rows) for rows, _ in pairs])[:-1])
    runs = [rows for pair in pairs for rows in pair]
    units = [code for code in by_seed for _ in range(2)]
    values = replicates(runs, units, names, chosen, n_replicates, generator, memory)
    left, right = values[:, 0::2], values[:, 1::2]
    observed = left[0] - right[0]
    if np.isnan(observed).any():
        raise DataError(f"{chosen.name} is undefined on the rows of a seed, so the arms cannot be compared.")
    defined: NDArray[np.bool_] = np.asarray(~np.isnan(values).any(axis=1))
    if (~defined[1:]).mean() > MOST_UNDEFINED:
        raise DataError(f"{chosen.name} is undefined for many draws of {len(names)} {unit}s; compare on more of them.")
    defined[0] = False  # the observed value, which is not a draw
    draws = left[defined], right[defined]
    interval = crossed_interval(observed, draws[0] - draws[1], len(names), level)
    sign = 1 if chosen.higher_is_better else -1
    return Comparison(
        metric=chosen.name,
        interval=interval,
        by_seed=observed,
        advantage=sign * interval.estimate,
        p_difference=interval.p_two_sided(),
        p_margin=interval.p_above(-margin, sign),
        margin=margin,
        n_units=len(names),
        unit=unit,
        share=share(left[0], right[0], *draws, len(names), level) if sign == 1 else None,
        is_equal=bool(np.array_equal(left[0], right[0]) and np.array_equal(*draws)),
        level=level,
    )


def _align(arm: pd.DataFrame, reference: pd.DataFrame, chosen: Metric) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both sorted by key; raise a DataError if they are not the same rows."""
    table = chosen.table
    for rows in (arm, reference):
        missing = {*table.key, *table.truth, *chosen.columns, table.value} - set(rows.columns)
        if missing:
            raise DataError(f"{chosen.name} needs the column {' and '.join(sorted(missing))} of saved rows.")
        if rows[table.value].isna().any():
            raise DataError(f"the column {table.value} holds NaN, so the arms cannot be compared.")
    left, right = (rows.sort_values(list(table.key), ignore_index=True) for rows in (arm, reference))
    alike = list(dict.fromkeys([*table.key, *table.truth, *(["user"] if "user" in left and "user" in right else [])]))
    if len(left) != len(right):
        raise DataError(
            f"the test rows differ: the arm has {len(left)} and the reference {len(right)}; compare runs on one split."
        )
    for column in alike:
        n_differing = int((left[column].to_numpy() != right[column].to_numpy()).sum())
        if n_differing:
            raise DataError(
                f"the test rows differ: {n_differing} of {len(left)} in the column {column}; compare runs on one split."
            )
    return left, right
