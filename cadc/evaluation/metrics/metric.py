"""What a metric is: how it is named and shown, which way is better, its value and its resampling."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError, UsageError
from cadc.evaluation.resampling.ratio_of_sums import RatioOfSums
from cadc.evaluation.resampling.written_out import WrittenOut
from cadc.evaluation.saved_tables import SAVED, SavedTable, Task

Resampled = Callable[[NDArray[np.integer[Any]]], NDArray[np.float64]]
"""Takes multiplicities of the units [b, n_units]; returns the metric of every replicate, float64 [b]."""


class Metric(ABC):
    """A number computed from the table that a run saved; a subclass in the folder of metrics is all it takes.

    Parameters
    ----------
    at : cutoff of the list, at least 1, for metrics that have one: `hr@10` is `HitRate(at=10)`.

    Attributes
    ----------
    name : as experiments and records write it, such as `auc`; that of an object ends in its cutoff, `hr@10`.
    label : as axes and heads of tables show it, such as `AUC`; `HR@10` of an object with a cutoff.
    task : `ctr` reads saved scores, `ranking` saved ranks; see `cadc.evaluation.saved_tables`.
    higher_is_better : which way is better.
    bounds : least and largest value.
    columns : of the saved table that it reads.
    cutoff : whether its name ends in a cutoff, `@10`: `never`, `required` or `optional`.
    is_comparable : whether arms and strata can be compared by it; where not, its docstring says why.
    """

    name: str
    label: str
    task: ClassVar[Task]
    higher_is_better: ClassVar[bool]
    bounds: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    columns: ClassVar[tuple[str, ...]]
    cutoff: ClassVar[Literal["never", "required", "optional"]] = "never"
    is_comparable: ClassVar[bool] = True

    def __init__(self, at: int | None = None) -> None:
        if at is None and self.cutoff == "required":
            raise UsageError(f"the metric {self.name} needs a cutoff; write {self.name}@10, say.")
        if at is not None and (self.cutoff == "never" or at < 1):
            expected = "it has none" if self.cutoff == "never" else "expected a number from 1"
            raise UsageError(f"the metric {self.name} has the cutoff {at}; {expected}.")
        self.at = at
        if at is not None:
            self.name, self.label = f"{self.name}@{at}", f"{self.label}@{at}"

    @property
    def table(self) -> SavedTable:
        """The kind of table that it reads."""
        return SAVED[self.task]

    @abstractmethod
    def value(self, rows: pd.DataFrame) -> float:
        """Return the metric of saved rows.

        Parameters
        ----------
        rows : with the columns that the metric names; probability and rank are float64, label 0 or 1, user and item raw
            ids.

        Raises
        ------
        DataError : where it is undefined, as AUC is for labels of one class.
        """

    def resample(self, rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
        """Return the metric as a function of how often each unit is drawn; a subclass may know a faster form.

        Parameters
        ----------
        rows : saved rows.
        unit : number of each row's user, or of the row where there are no users, int, shape [n].
        n_units : how many units there are, those without rows included.
        """
        return WrittenOut(self.value, rows, unit)


class RowMetric(Metric):
    """The mean of a loss, or gain, over rows that were scored."""

    task = "ctr"
    columns = ("label", "probability")

    @abstractmethod
    def by_row(self, label: NDArray[np.floating], probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the loss, or gain, of each row, float64, shape [n].

        Parameters
        ----------
        label : 0 or 1, shape [n].
        probability : of label 1, float64, shape [n].
        """

    def value(self, rows: pd.DataFrame) -> float:
        """Return the mean over rows; undefined without any."""
        if not len(rows):
            raise DataError(f"{self.name} needs at least one row.")
        return float(np.mean(self.by_row(*label_and_probability(rows))))

    def resample(self, rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
        """Return the mean over rows as a function of how often each unit is drawn."""
        loss = self.by_row(*label_and_probability(rows))
        n_rows = np.bincount(unit, minlength=n_units).astype(np.float64)
        return RatioOfSums(np.bincount(unit, loss, minlength=n_units).astype(np.float64), n_rows)


class UserMetric(Metric):
    """The mean over users of a function of the ranks of their held-out items."""

    task = "ranking"
    columns = ("user", "rank")

    @abstractmethod
    def by_user(self, rank: NDArray[np.float64], user: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the value of each user, float64, shape [n_users]; NaN for a code without held-out items.

        Parameters
        ----------
        rank : of each held-out item, from 1; mid rank for ties, infinite for a miss; float64, shape [n].
        user : code of its user, from 0, shape [n].
        """

    def value(self, rows: pd.DataFrame) -> float:
        """Return the mean over users with held-out items."""
        rank = rows["rank"].to_numpy(np.float64)
        if not len(rank) or np.isnan(rank).any():
            raise DataError(f"{self.name} needs at least one held-out item, and no rank that is NaN.")
        # Sorted, so that the order of rows does not change the sum.
        user = pd.factorize(rows["user"], sort=True, use_na_sentinel=False)[0]
        return float(self.by_user(rank, user).mean())

    def resample(self, rows: pd.DataFrame, unit: NDArray[np.integer], n_units: int) -> Resampled:
        """Return the mean over users as a function of how often each of them is drawn; units are users."""
        value = np.full(n_units, np.nan)
        found = self.by_user(rows["rank"].to_numpy(np.float64), unit)
        value[: len(found)] = found
        return RatioOfSums(np.nan_to_num(value, nan=0.0), (~np.isnan(value)).astype(np.float64))


def label_and_probability(rows: pd.DataFrame) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """Return the columns label and probability of saved scores, shape [n] each.

    Raises
    ------
    DataError : where a probability is NaN or infinite, which no metric has a meaning for.
    """
    label, probability = rows["label"].to_numpy(), rows["probability"].to_numpy()
    if n_wrong := int((~np.isfinite(probability)).sum()):
        raise DataError(f"{n_wrong} of {len(probability)} probabilities are NaN or infinite; expected numbers.")
    return label, probability
