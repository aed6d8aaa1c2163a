"""`cadc.compare`: whether one arm is better than another, from the rows that their runs saved."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cadc.api.finished import Run
from cadc.errors import DataError, UsageError, shown
from cadc.evaluation.statistics import DEFAULT_MARGIN, Comparison
from cadc.evaluation.statistics import compare as compare_rows
from cadc.ledger.identity import recorded_arm
from cadc.reporting.contents import require_one_content
from cadc.reporting.pairs import pairs
from cadc.reporting.points import Point
from cadc.terminal.progress import say

Runs = Run | str | pd.DataFrame | Iterable[Run | str]
"""A run, its id, a data frame with the column `id` such as `cadc.sweep` returns, or several runs or ids."""


def compare(
    arm: Runs,
    reference: Runs,
    metric: str = "auc",
    margin: float = DEFAULT_MARGIN,
    runs: str | Path | None = None,
) -> Comparison:
    """Compare an arm with a reference on the same test rows, paired by split and seeds.

    The interval comes from a bootstrap over users crossed with seeds, see `cadc.evaluation.statistics`. With a single
    pair of runs the noise of training is unknown, and the verdict is `one seed`.

    Parameters
    ----------
    arm, reference : runs of one configuration each, up to the seeds: a `Run`, an id, several of these, or a data frame
        with the column `id`, of which runs that are not finished are left out.
    metric : such as `auc`, `logloss`, `gauc` or `ndcg@10`.
    margin : of non-inferiority, in the metric's unit.
    runs : folder of the ledger that ids are looked up in; `$CADC_RUNS`, else `runs`, where none is given.

    Returns
    -------
    comparison : its `interval` is that of arm minus reference; its `verdict` says `better`, `as good`, `worse`,
        `undecided`, `equal` or `one seed`.

    Raises
    ------
    UsageError : where one side is empty or holds runs of several arms, and for an unknown metric.
    DataError : where no runs share split and seeds, runs read different contents of one data set, or the metric is
        undefined.

    >>> swept = cadc.sweep("data=synthetic", "initializer=random,mf", "seed=range(5)")  # doctest: +SKIP
    >>> of = dict(list(swept.groupby("initializer")))  # doctest: +SKIP
    >>> cadc.compare(of["mf"], of["random"]).verdict  # doctest: +SKIP
    'better'
    """
    mine, theirs = _runs(arm, runs, "the arm"), _runs(reference, runs, "the reference")
    require_one_content(
        [(name, run.record) for name, of in (("the arm", mine), ("the reference", theirs)) for run in of]
    )
    paired = pairs(*(Point(name, {}, [run.record for run in of]) for name, of in (("a", mine), ("b", theirs))))
    if not paired:
        raise DataError(
            "no run of the arm has the split and the seeds of a run of the reference; sweep both over the same "
            "seed and data.split_seed."
        )
    for name, of, used in (
        ("arm", mine, {a["id"] for a, _ in paired}),
        ("reference", theirs, {b["id"] for _, b in paired}),
    ):
        if alone := [run.id for run in of if run.id not in used]:
            say(f"{len(alone)} of {len(of)} runs of the {name} have no counterpart and are left out")
    rows = {run.id: run.scores for run in (*mine, *theirs)}
    return compare_rows([rows[a["id"]] for a, _ in paired], [rows[b["id"]] for _, b in paired], metric, margin)


def _runs(given: Runs, folder: str | Path | None, which: str) -> list[Run]:
    """Return the runs that are meant, each once; all of one arm."""
    if isinstance(given, pd.DataFrame):
        if "id" not in given:
            raise UsageError(f"{which} is a data frame without the column id; use one of cadc.sweep or cadc.runs.")
        finished = given[given["status"] == "finished"] if "status" in given else given
        several: Iterable[Run | str] = list(finished["id"])
    else:
        several = [given] if isinstance(given, Run | str) else given
    found = [run if isinstance(run, Run) else Run(run, folder) for run in several]
    if not found:
        raise UsageError(f"{which} has no finished run; there is nothing to compare.")
    if len({recorded_arm(run.record) for run in found}) > 1:
        ids = shown([run.id for run in found])
        raise UsageError(f"{which} holds runs of several arms ({ids}); they may differ in seeds alone.")
    return list({run.id: run for run in found}.values())
