"""Comparison of every point of a table with the references of the experiment, from the rows that runs saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from cadc.reporting.comparisons.kept import COLUMNS, FILE, judged, kept_lines, typed
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.points import Point, names_of
from cadc.reporting.saved import SavedRows
from cadc.reporting.streams.comparison import compared_by_segment
from cadc.terminal.progress import Report, say

Pair: TypeAlias = tuple[Record, Record]


def compare_points(
    references: Sequence[Reference],
    rows: Sequence[Point],
    ledger: Ledger | None,
    committed: Sequence[Path] = (),
    file: str = FILE,
) -> pd.DataFrame | None:
    """Return the comparison of every row of a table with every reference, or None if there is none.

    It is computed from the scores and ranks in the ledger, means over segments from the records. Where scores are gone,
    as on a clone with records only, a line is read from a comparison of the same runs that is kept beside results. The
    reason for leaving a reference or lines of it out is printed on standard error. Points are compared within their
    data set; the comparisons with one reference are one family for Holm's correction.

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
    saved, memory = SavedRows(ledger), Memory()
    wanted = _wanted(references, rows, say)
    kept = _kept(wanted, saved, committed, file)
    lines: list[dict[str, Any]] = []
    for reference, own in wanted.items():
        missing = [line for line in own if not line.can_be_had(saved, kept)]
        compared = [line for line in own if line.both and line not in missing]
        if missing:
            _print_incomplete(reference, missing, missing + compared, saved)
        if compared or not missing:
            lines += [{**line.known, **({} if line in missing else line.found(saved, kept, memory))} for line in own]
    return typed(judged(pd.DataFrame(lines, columns=COLUMNS))) if lines else None


def runs_to_read(
    references: Sequence[Reference],
    rows: Sequence[Point],
    ledger: Ledger | None,
    committed: Sequence[Path] = (),
    file: str = FILE,
) -> set[str]:
    """Return the ids of the runs whose saved rows `compare_points` lacks, of lines that no kept comparison has.

    Runs may be stood for by what is known of them before they are carried out.
    """
    saved, wanted = SavedRows(ledger), _wanted(references, rows)
    kept = _kept(wanted, saved, committed, file)
    lines = (line for own in wanted.values() for line in own)
    return {run_id for line in lines if not line.can_be_had(saved, kept) for run_id in line.lacking(saved)}


@dataclass(frozen=True, eq=False)
class _Line:
    """A point of a table that meets its reference.

    Parameters
    ----------
    reference : that it is compared with.
    row : the point.
    both : paired runs of the point and of its counterpart; none where it is not compared.
    known : columns that need no computation.
    """

    reference: Reference
    row: Point
    both: list[Pair]
    known: dict[str, Any]

    @property
    def needed(self) -> list[tuple[str, str]]:
        """Run and file of all saved rows that it is computed from."""
        if self.reference.metric.startswith(SEGMENTS):
            return []  # records hold it
        file = metric(self.reference.metric).table.file
        return [(record["id"], file) for pair in self.both for record in pair]

    def lacking(self, saved: SavedRows) -> list[str]:
        """Return the ids of the runs whose rows are not in the ledger."""
        return [run_id for run_id, file in self.needed if not saved.has(run_id, file)]

    def can_be_had(self, saved: SavedRows, kept: Mapping[str, Mapping[str, Any]]) -> bool:
        """Tell whether the ledger has all rows that it is computed from, or results have what came out."""
        return self.known["runs"] in kept or not self.lacking(saved)

    def found(self, saved: SavedRows, kept: Mapping[str, Mapping[str, Any]], memory: Memory) -> Mapping[str, Any]:
        """Return the columns that are computed from saved rows, or that were."""
        if not self.both:
            return {}
        if self.lacking(saved):
            return kept[self.known["runs"]]
        return _compared(self.reference, self.row, self.both, saved, memory)


def _wanted(
    references: Sequence[Reference], rows: Sequence[Point], report: Report | None = None
) -> dict[Reference, list[_Line]]:
    """Return the lines of each reference that has a counterpart among the points of a table, one for each point.

    Parameters
    ----------
    references, rows : see `compare_points`.
    report : takes the reason why a reference is left out; None takes none.
    """
    names = names_of(rows)
    found: dict[Reference, list[_Line]] = {}
    for reference in references:
        others = [counterpart(reference, row, rows) for row in rows]
        why = "it is not in this table" if not any(others) else None
        if why is None and all(other is None or other is row for row, other in zip(rows, others, strict=True)):
            why = "no other row of this table has a counterpart among its points"
        if why is not None:
            if report is not None:
                report(_left_out(reference, why))
            continue
        found[reference] = []
        for row, other, name in zip(rows, others, names, strict=True):
            both = pairs(row, other) if other and other is not row else []
            known = _known(reference, row, other, both) | {"arm": name}
            found[reference].append(_Line(reference, row, both, known))
    return found


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


def _kept(
    wanted: Mapping[Reference, Sequence[_Line]], saved: SavedRows, committed: Sequence[Path], file: str
) -> Mapping[str, Mapping[str, Any]]:
    """Return what is kept beside results; it is read where saved rows are gone alone."""
    if any(line.lacking(saved) for own in wanted.values() for line in own):
        return kept_lines(folder / file for folder in committed)
    return {}


def _print_incomplete(
    reference: Reference, missing: Sequence[_Line], compared: Sequence[_Line], saved: SavedRows
) -> None:
    """Print that lines of a reference are left out, since saved rows are gone."""
    lacking = {run_id for line in missing for run_id in line.lacking(saved)}
    needed = {run_id for line in missing for run_id, _ in line.needed}
    some = f" for {len(missing)} of {len(compared)} rows" if len(missing) < len(compared) else ""
    why = f"{missing[0].needed[0][1]} of {len(lacking)} of {len(needed)} runs is not in {saved.place}"
    say(_left_out(reference, why, some))


def _left_out(reference: Reference, reason: str, some: str = "") -> str:
    return f"the comparison with {reference} is left out{some}: {reason}"
