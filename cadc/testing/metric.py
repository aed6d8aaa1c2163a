"""The contract of metrics."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.errors import DataError, UsageError
from cadc.evaluation.metrics.lookup import NAME, STATED, metric_classes
from cadc.evaluation.metrics.metric import Metric
from cadc.evaluation.resampling.written_out import WrittenOut
from cadc.evaluation.saved_tables import SAVED
from cadc.testing.expect import expect, expect_derived, expect_refusal, global_generators_untouched

N_USERS, N_ROWS = 100, 400
CUTOFF = 5


def check_metric(cls: type[Metric], at: int | None = None) -> None:
    """Check that a metric keeps the contract of `cadc.evaluation.metrics.metric.Metric`.

    It states name, label, task, direction and columns; its value is a number between its bounds, does not depend on the
    order of rows and gets better with better answers; what is undefined is a DataError; a bootstrap replicate is the
    metric of the rows written out as often as their users are drawn.

    Parameters
    ----------
    cls : the class.
    at : cutoff; 5 where the metric requires one and none is given.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.evaluation.metrics.brier import BrierScore
    >>> check_metric(BrierScore)
    """
    expect_derived(cls, Metric)
    lacking = [name for name in STATED if not hasattr(cls, name)]
    expect(not lacking, f"{cls.__name__} does not state {', '.join(lacking)}.")
    named = NAME.fullmatch(cls.name)
    expect(named and not named[2], f"{cls.__name__}.name is {cls.name!r}; leave out @ and /.")
    taken = metric_classes().get(cls.name, cls)
    expect(
        taken is cls or issubclass(cls, taken),
        f"{cls.__name__}.name is {cls.name!r}, which {taken.__module__}.{taken.__name__} has already; choose another.",
    )
    expect(cls.task in SAVED, f"{cls.__name__}.task is {cls.task!r}; expected one of {', '.join(SAVED)}.")
    expect(cls.bounds[0] < cls.bounds[1], f"{cls.__name__}.bounds is {cls.bounds}; expected least and largest value.")
    _check_cutoff(cls)
    metric = cls(CUTOFF if at is None and cls.cutoff == "required" else at)
    good, bad = (saved_rows(metric, noise) for noise in (0.3, 3.0))
    unknown = [name for name in metric.columns if name not in good]
    expect(not unknown, f"{metric.name} reads the column {', '.join(unknown)}; runs save {', '.join(map(str, good))}.")
    _check_value(metric, good)
    _check_direction(metric, good, bad)
    _check_undefined(metric, good)
    if metric.is_comparable:
        _check_resampling(metric, good)


def saved_rows(metric: Metric, noise: float) -> pd.DataFrame:
    """Return made-up rows as runs of the metric's task save them, with ties; more noise makes worse answers."""
    generator = np.random.default_rng(0)
    user = generator.integers(0, N_USERS, N_ROWS)
    keys = {"row": np.arange(N_ROWS), "user": np.array([f"u{number}" for number in user]), "item": np.arange(N_ROWS)}
    logit, error = generator.normal(size=(2, N_ROWS))
    if metric.task == "ranking":
        rank = np.ceil(5 * noise * np.exp(error) + 0.5 * (np.arange(N_ROWS) % 2))
        # Ranks of one user's items differ, and some items cannot be found.
        order = np.lexsort((rank, user))
        first = np.searchsorted(user[order], user[order])
        rank[order] += np.arange(N_ROWS) - first
        return pd.DataFrame(keys | {"rank": np.where(np.arange(N_ROWS) % 40, rank, np.inf)})
    label = (generator.random(N_ROWS) < 1 / (1 + np.exp(-3 * logit))).astype(np.float32)
    probability = np.round(1 / (1 + np.exp(-3 * logit - 3 * noise * error)), 2)
    return pd.DataFrame(keys | {"label": label, "probability": probability})


def _check_cutoff(cls: type[Metric]) -> None:
    if cls.cutoff == "never":
        return
    expect_refusal(UsageError, lambda: cls(at=0), f"{cls.__name__}(at=0)")
    if cls.cutoff == "required":
        expect_refusal(UsageError, cls, f"{cls.__name__}() without a cutoff")
    name = cls(at=CUTOFF).name
    expect(name == f"{cls.name}@{CUTOFF}", f"{cls.__name__}(at={CUTOFF}) is named {name!r}.")


def _check_value(metric: Metric, rows: pd.DataFrame) -> None:
    before = rows.copy()
    with global_generators_untouched(metric.name):
        value = metric.value(rows)
    expect(isinstance(value, float) and math.isfinite(value), f"{metric.name} is {value!r}; expected a finite float.")
    low, high = metric.bounds
    expect(low <= value <= high, f"{metric.name} is {value}, which is outside its bounds, {low} and {high}.")
    expect(rows.equals(before), f"{metric.name} changed the rows that it was given.")
    shuffled = metric.value(rows.sample(frac=1, random_state=1))
    expect(_near(shuffled, value), f"{metric.name} is {value}, but {shuffled} of the same rows in another order.")


def _check_direction(metric: Metric, good: pd.DataFrame, bad: pd.DataFrame) -> None:
    if not metric.is_comparable:
        return
    better, worse = metric.value(good), metric.value(bad)
    expect(
        better > worse if metric.higher_is_better else better < worse,
        f"{metric.name} is {better} for good answers and {worse} for bad ones, but higher_is_better is "
        f"{metric.higher_is_better}.",
    )


def _check_undefined(metric: Metric, rows: pd.DataFrame) -> None:
    """Raise an AssertionError where a metric of hardly any rows is neither a number nor a DataError."""
    few = {"no rows": rows[:0], "one row": rows[:1]}
    if metric.task == "ctr":
        few |= {f"labels that are all {label}": rows[rows["label"] == label] for label in (0, 1)}
    for what, own in few.items():
        try:
            value = metric.value(own)
        except DataError:
            continue
        except Exception as error:
            raise AssertionError(
                f"{metric.name} of {what} raised {type(error).__name__} ({error}); expected a number or a DataError."
            ) from error
        expect(math.isfinite(value), f"{metric.name} of {what} is {value}; raise a DataError where it is undefined.")


def _check_resampling(metric: Metric, rows: pd.DataFrame) -> None:
    unit = np.unique(rows["user"], return_inverse=True)[1]
    drawn = np.random.default_rng(0).integers(0, 3, (6, N_USERS + 1))
    draws: NDArray[np.int32] = np.concatenate([np.ones((1, N_USERS + 1)), drawn]).astype(np.int32)
    found = metric.resample(rows, unit, N_USERS + 1)(draws)
    expect(found.shape == (7,), f"{metric.name}.resample gave an array of shape {found.shape} for 7 draws.")
    observed = metric.value(rows)
    expect(_near(found[0], observed), f"{metric.name} is {observed}, but {found[0]} with every user drawn once.")
    for value, expected in zip(found, WrittenOut(metric.value, rows, unit)(draws), strict=True):
        expect(
            _near(value, expected) or (math.isnan(value) and math.isnan(expected)),
            f"{metric.name}.resample gave {value} for a draw of users whose rows, written out, give {expected}.",
        )


def _near(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-9)
