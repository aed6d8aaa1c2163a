"""Comparison of every point of a table with the references of the experiment, from the rows that runs saved."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cadc.errors import DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.statistics import CrossedInterval, Memory, compare, judge_family
from cadc.evaluation.statistics.delong import delong
from cadc.evaluation.statistics.verdict import EQUAL
from cadc.experiment import Reference
from cadc.ledger.store import Ledger, Record
from cadc.provenance.fingerprint import digest
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.points import Point, names_of
from cadc.reporting.saved import SavedRows, read_kept
from cadc.terminal.progress import say

FILE = "comparison.csv"

COLUMNS = [
    "family",
    "dataset",
    "arm",
    "rate",
    "metric",
    "margin",
    "reference",
    "reference_rate",
    "seeds",
    "unit",
    "n_units",
    "difference",
    "standard_error",
    "degrees_of_freedom",
    "low",
    "high",
    "low_95",
    "high_95",
    "p",
    "p_holm",
    "p_margin",
    "p_margin_holm",
    "verdict",
    "share",
    "share_low",
    "share_high",
    "delong_se",
    "runs",
]
"""`low` and `high` are the interval that belongs to the verdict, adjusted as its test is; `low_95` and `high_95` are
that of this comparison alone. `p` is two-sided, of no difference; `p_margin` one-sided, of a disadvantage of the margin
or more; those ending in `_holm` are adjusted over the family, and empty where nothing was tested. `share` is the arm's
metric over the reference's, for ranks only; `delong_se` DeLong's standard error of a difference in AUC over one seed's
rows, which takes rows as independent and models as fixed; `runs` a hash."""

ESTIMATED = {
    "estimate": "difference",
    "standard_error": "standard_error",
    "degrees_of_freedom": "degrees_of_freedom",
    "low": "low_95",
    "high": "high_95",
}
"""Parts of the interval of a comparison alone, and their columns."""

JUDGED = ("low", "high", "p_holm", "p_margin_holm")

LATER = ("low_95", "high_95", "delong_se")
"""Columns that comparisons of earlier versions lack; their `low` and `high` were those of the comparison alone."""

Pair: TypeAlias = tuple[Record, Record]
Wanted: TypeAlias = tuple[Reference, Point, list[Pair]]


def compare_points(
    references: Sequence[Reference],
    rows: Sequence[Point],
    ledger: Ledger | None,
    committed: Sequence[Path] = (),
    file: str = FILE,
) -> pd.DataFrame | None:
    """Return the comparison of every row of a table with every reference, or None if there is none.

    It is computed from the scores and ranks in the ledger. If these are gone, as on a clone with records only, it is
    read from a comparison of the same runs that is kept beside results. The reason for leaving a reference out is
    printed on standard error. Points are compared within their data set; the comparisons with one reference are one
    family for Holm's correction.

    Parameters
    ----------
    references : references of the experiment.
    rows : points of the table.
    ledger : ledger with the runs' saved rows; None has none.
    committed : folders of results.
    file : name of the kept comparison in these folders.

    Returns
    -------
    comparison : for each reference a line for each row, in their order, with `COLUMNS`. The verdict of the reference's
        own line is `reference`; lines of rows that are not compared are empty.

    Raises
    ------
    DataError : if paired runs were tested on different rows, or a metric is undefined.
    CadcError : if a file of saved rows is not the one that its record names.
    """
    saved = SavedRows(ledger)
    names = names_of(rows)
    lines: list[dict[str, Any]] = []
    wanted: list[Wanted] = []
    for reference in references:
        others = [counterpart(reference, row, rows) for row in rows]
        if not any(others):
            _print_left_out(reference, "it is not in this table")
            continue
        if all(other is None or other is row for row, other in zip(rows, others, strict=True)):
            _print_left_out(reference, "no other row of this table has a counterpart among its points")
            continue
        for row, other, name in zip(rows, others, names, strict=True):
            both = pairs(row, other) if other and other is not row else []
            lines.append(_known(reference, row, other, both) | {"arm": name})
            wanted.append((reference, row, both))
    if not lines:
        return None
    needed = dict.fromkeys(_needed(wanted))
    missing = [run_id for run_id, file in needed if not saved.has(run_id, file)]
    if missing or ledger is None:
        kept = _kept(lines, committed, file)
        if kept is None:
            files = " and ".join(sorted({file for _, file in needed}))
            for reference in dict.fromkeys(reference for reference, _, _ in wanted):
                _print_left_out(reference, f"{files} of {len(missing)} of {len(needed)} runs is not in {saved.place}")
        return kept
    memory: Memory = {}
    for line, (reference, row, both) in zip(lines, wanted, strict=True):
        if both:
            line |= _compared(reference, row, both, saved, memory)
    frame = pd.DataFrame(lines, columns=COLUMNS)
    return _typed(judged(frame))


def _needed(wanted: Sequence[Wanted]) -> Iterator[tuple[str, str]]:
    """Yield run and file of everything that is compared."""
    for reference, _, both in wanted:
        file = metric(reference.metric).table.file
        yield from ((record["id"], file) for pair in both for record in pair)


def judged(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison with the verdict on each line, its interval, and p values adjusted over its family.

    They follow from differences, standard errors and seeds. The verdict of a line of equal arms is `equal` before.
    """
    families = [family for _, family in comparison.groupby("family", sort=False)]
    return pd.concat([_judged(family) for family in families]) if families else comparison


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison with one reference, judged."""
    frame = frame.astype(dict.fromkeys(JUDGED, "float64"))
    is_compared = frame["p"].notna()
    lines = frame[is_compared].to_dict("records")
    found = judge_family(
        [
            CrossedInterval(**{name: line[own] for name, own in ESTIMATED.items()}, n_seeds=int(line["seeds"]))
            for line in lines
        ],
        [line["verdict"] == EQUAL for line in lines],
        float(frame["margin"].iloc[0]),
        metric(frame["metric"].iloc[0]).higher_is_better,
    )
    if found:
        frame.loc[is_compared, ["verdict", *JUDGED]] = pd.DataFrame(found, frame.index[is_compared]).to_numpy()
    return frame


def _known(reference: Reference, row: Point, other: Point | None, both: Sequence[Pair]) -> dict[str, Any]:
    """Return the columns of a line that need no computation."""
    ids = [[mine["id"], theirs["id"]] for mine, theirs in both]
    return {
        "family": reference.family,
        "dataset": row.columns["dataset"],
        "arm": row.columns["arm"],
        "rate": row.columns["rate"],
        "metric": reference.metric,
        "margin": reference.margin,
        "reference": other.columns["arm"] if other else None,
        "reference_rate": other.columns["rate"] if other else None,
        "verdict": "reference" if other is row else None,
        "runs": digest([reference.metric, reference.margin, ids]),
    }


def _compared(
    reference: Reference, row: Point, both: Sequence[Pair], saved: SavedRows, memory: Memory
) -> dict[str, Any]:
    file = metric(reference.metric).table.file
    try:
        arm, other = ([saved.read(record, file) for record in runs] for runs in zip(*both, strict=True))
        found = compare(arm, other, reference.metric, reference.margin, memory=memory)
    except DataError as error:
        raise DataError(f"{row.columns['arm']} cannot be compared with {reference}: {error}") from error
    line = {
        "seeds": found.interval.n_seeds,
        "unit": found.unit,
        "n_units": found.n_units,
        "difference": found.interval.estimate,
        "standard_error": found.interval.standard_error,
        "degrees_of_freedom": found.interval.degrees_of_freedom,
        "low_95": found.interval.low,
        "high_95": found.interval.high,
        "verdict": EQUAL if found.is_equal else None,
        "p": found.p_difference,
        "p_margin": found.p_margin,
    }
    # AUC starts at one half, so a share of it says little.
    if metric(reference.metric).task == "ranking" and found.share:
        line |= {"share": found.share.estimate, "share_low": found.share.low, "share_high": found.share.high}
    if reference.metric == "auc":
        line["delong_se"] = _delong(arm, other)
    return line


def _delong(arms: Sequence[pd.DataFrame], others: Sequence[pd.DataFrame]) -> float:
    """Return the standard error of DeLong's test, its square averaged over seeds."""
    squares = []
    for arm, other in zip(arms, others, strict=True):
        both = arm[["row", "label", "probability"]].merge(other[["row", "probability"]], on="row")
        squares.append(delong(*(both[name].to_numpy() for name in ("label", "probability_x", "probability_y")))[1] ** 2)
    return float(np.sqrt(np.mean(squares)))


def _kept(lines: Sequence[dict[str, Any]], committed: Sequence[Path], file: str) -> pd.DataFrame | None:
    """Return a comparison of the same runs that is kept beside results."""
    for folder in committed:
        frame = kept_comparison(folder / file)
        if frame is not None and list(frame["runs"]) == [line["runs"] for line in lines]:
            return frame
    return None


def kept_comparison(path: Path) -> pd.DataFrame | None:
    """Return a comparison that is kept beside results, judged by the rules of today; None if there is none.

    Raises
    ------
    CadcError : if the file is not a comparison, or was changed.
    """
    frame = read_kept(path, COLUMNS, ["runs", "verdict"], later=LATER)
    if frame is None:
        return None
    if frame["low_95"].isna().all():
        is_equal = (frame["difference"] == 0) & (frame["standard_error"] == 0)
        frame = frame.assign(low_95=frame["low"], high_95=frame["high"])
        frame.loc[is_equal, "verdict"] = EQUAL
    return _typed(judged(frame))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Set the types of columns that may have empty lines, so that a kept file is written again as it was."""
    numbers = dict.fromkeys(["rate", "reference_rate", "share", "share_low", "share_high", "delong_se"], "float64")
    return frame.astype({"seeds": "Int64", "n_units": "Int64"} | numbers)


def _print_left_out(reference: Reference, reason: str) -> None:
    say(f"the comparison with {reference} is left out: {reason}")
