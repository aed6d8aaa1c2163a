"""A figure that tests a claim, and the verdict that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cadc.experiment.claims import Expected
from cadc.ledger.store import Record
from cadc.reporting.columns import is_empty
from cadc.reporting.verdicts import without_margin

HOLDS, FAILS, UNDECIDED, NOT_RUN = "holds", "fails", "undecided", "not run"

VERDICTS = (HOLDS, FAILS, UNDECIDED, NOT_RUN)

FROM_WORST = (FAILS, NOT_RUN, UNDECIDED, HOLDS)
"""A claim on several figures has the worst of their verdicts."""

MEANING: dict[Expected, dict[str, str]] = {
    "better": {"better": HOLDS, "worse": FAILS, "equal": FAILS},
    "as good": {"better": HOLDS, "as good": HOLDS, "equal": HOLDS, "worse": FAILS},
    "worse": {"worse": HOLDS, "as good": FAILS, "equal": FAILS, "better": FAILS},
}
"""What an outcome of a comparison means for a claim, by what it expects; all other outcomes decide nothing."""


@dataclass(frozen=True)
class Evidence:
    """A figure that tests a claim.

    Parameters
    ----------
    verdict : one of `VERDICTS`.
    why : of a claim that was not tested: what is missing.
    dataset, arm, rate : of the row of the table.
    against : what it is held against.
    quantity : metric, or column of the table.
    margin : of the comparison, in the metric's unit; None without one.
    seeds : behind the figure; None if it is not of runs.
    value : the difference, or the value in the column; None if it was not tested.
    low, high : ends of the interval that belongs to the verdict; None without one.
    bound : what a value is held against; None of a difference.
    share : share of the reference's metric and its 95 % interval; None but for ranks.
    outcome : verdict of the comparison, such as `as good (0.002)`; of a column, its bound in words.
    runs : records behind the figure, of the row and then of what it is held against.
    """

    verdict: str
    why: str = ""
    dataset: str = ""
    arm: str = ""
    rate: float | None = None
    against: str = ""
    quantity: str = ""
    margin: float | None = None
    seeds: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    share: tuple[float, float, float] | None = None
    outcome: str = ""
    runs: tuple[Record, ...] = ()


def number(cell: Any) -> float | None:
    """Return the number in a cell of a table; None where it is empty."""
    return None if is_empty(cell) else float(cell)


def not_run(why: str) -> Evidence:
    """Return what there is of a test that was not carried out.

    >>> not_run("no results").verdict
    'not run'
    """
    return Evidence(NOT_RUN, why)


def verdict_of(outcome: str, expected: Expected) -> str:
    """Return the verdict on a claim that follows from the outcome of a comparison.

    >>> verdict_of("as good (0.002)", "as good"), verdict_of("as good (0.002)", "better"), verdict_of("worse", "better")
    ('holds', 'undecided', 'fails')
    """
    return MEANING[expected].get(without_margin(outcome), UNDECIDED)


def verdict_on(evidence: Sequence[Evidence]) -> str:
    """Return the verdict on a claim from its figures: it holds where all do.

    >>> verdict_on([Evidence("holds"), Evidence("undecided")]), verdict_on([])
    ('undecided', 'not run')
    """
    found = {one.verdict for one in evidence}
    return next((verdict for verdict in FROM_WORST if verdict in found), NOT_RUN)
