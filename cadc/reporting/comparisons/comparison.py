"""Comparison of every point of a table with the references of the experiment, from the rows that runs saved."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cadc.errors import DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import SEGMENTS
from cadc.evaluation.statistics import Memory, compare
from cadc.evaluation.statistics.delong import delong
from cadc.evaluation.statistics.verdict import EQUAL
from cadc.experiment import Reference
from cadc.ledger.store import Ledger, Record
from cadc.provenance.fingerprint import digest
from cadc.reporting.comparisons.kept import COLUMNS, FILE, judged, kept_comparison, typed
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.points import Point, names_of
from cadc.reporting.saved import SavedRows
from cadc.reporting.streams.comparison import compared_by_segment
from cadc.terminal.progress import say

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

    It is computed from the scores and ranks in the ledger, means over segments from the records. If scores are gone, as
    on a clone with records only, it is read from a comparison of the same runs that is kept beside results. The reason
    for leaving a reference out is printed on standard error. Points are compared within their data set; the comparisons
    with one reference are one family for Holm's correction.

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
    if missing or (needed and ledger is None):
        kept = _kept(lines, committed, file)
        there = set() if kept is None else set(kept["family"])
        files = " and ".join(sorted({file for _, file in needed}))
        for reference in dict.fromkeys(reference for reference, _, _ in wanted):
            if reference.family not in there:
                _print_left_out(reference, f"{files} of {len(missing)} of {len(needed)} runs is not in {saved.place}")
        return kept
    memory: Memory = {}
    for line, (reference, row, both) in zip(lines, wanted, strict=True):
        if both:
            line |= _compared(reference, row, both, saved, memory)
    frame = pd.DataFrame(lines, columns=COLUMNS)
    return typed(judged(frame))


def _needed(wanted: Sequence[Wanted]) -> Iterator[tuple[str, str]]:
    """Yield run and file of everything that is compared."""
    for reference, _, both in wanted:
        if reference.metric.startswith(SEGMENTS):
            continue  # records hold it
        file = metric(reference.metric).table.file
        yield from ((record["id"], file) for pair in both for record in pair)


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
    if reference.metric.startswith(SEGMENTS):
        return compared_by_segment(reference, both)
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
    """Return what is kept beside results of comparisons of the same runs: references that are all there."""
    runs: dict[str, list[str]] = {}
    for line in lines:
        runs.setdefault(line["family"], []).append(line["runs"])
    for folder in committed:
        frame = kept_comparison(folder / file)
        if frame is None:
            continue
        families = dict(tuple(frame.groupby("family", sort=False)))
        same = [
            families[name] for name, own in runs.items() if name in families and list(families[name]["runs"]) == own
        ]
        if same:
            return typed(pd.concat(same, ignore_index=True))
    return None


def _print_left_out(reference: Reference, reason: str) -> None:
    say(f"the comparison with {reference} is left out: {reason}")
