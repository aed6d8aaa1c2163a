"""Claims that a comparison decides: the lines of `comparison.csv`, or of the point that validation chose."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.experiment import Reference
from cadc.experiment.claims import Compared
from cadc.reporting.claims.evidence import FAILS, HOLDS, UNDECIDED, Evidence, not_run, number, verdict_of
from cadc.reporting.columns import is_empty
from cadc.reporting.comparisons.kept import FILE as COMPARISON
from cadc.reporting.comparisons.kept import kept_comparison
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.points import Point, at_rate, names_of
from cadc.reporting.selection import FILE as CHOICE


class Comparisons:
    """The comparisons that lie beside a table.

    Parameters
    ----------
    folder : of the results.
    rows : points of their table.
    """

    def __init__(self, folder: Path, rows: Sequence[Point]) -> None:
        self.rows = rows
        self.names = names_of(rows)
        self.all = _families(folder / COMPARISON)
        self.chosen = _families(folder / CHOICE)

    def evidence(self, test: Compared) -> list[Evidence]:
        """Return a figure for each point and metric that a claim speaks of; at least one, which may be `not run`."""
        found = [one for reference in test.references for one in self._of_reference(reference, test)]
        lacking = [name for name in test.data if name not in {one.dataset for one in found}]
        if found and lacking:
            found.append(not_run(f"the results lack {', '.join(lacking)}"))
        return found or [not_run("the results hold none of these points")]

    def _of_reference(self, reference: Reference, test: Compared) -> Iterator[Evidence]:
        family = (self.chosen if test.is_chosen else self.all).get(reference.family)
        if family is None:
            yield not_run(f"the results are not compared with {reference} by {reference.metric}")
            return
        for line in family:
            if is_empty(line["p"]):
                continue
            point = self._point(line)
            if point is None:
                yield not_run(f"the table has no row {line['arm']}")
            elif (test.is_chosen or point.arm in test.arms) and _is_meant(point, test):
                yield self._of_line(reference, line, point, test)

    def _point(self, line: Mapping[Hashable, Any]) -> Point | None:
        """Return the point of a line of a comparison."""
        for point, name in zip(self.rows, self.names, strict=True):
            rates = point.columns["rate"], line["rate"]
            same_rate = rates[0] == rates[1] or all(map(is_empty, rates))
            if name == line["arm"] and point.columns["dataset"] == line["dataset"] and same_rate:
                return point
        return None

    def _of_line(self, reference: Reference, line: Mapping[Hashable, Any], point: Point, test: Compared) -> Evidence:
        other = counterpart(reference, point, self.rows)
        both = pairs(point, other) if other is not None else []
        share = None if is_empty(line["share"]) else (line["share"], line["share_low"], line["share_high"])
        return Evidence(
            _verdict(line, share, test),
            dataset=str(line["dataset"]),
            arm=str(line["arm"]),
            rate=number(line["rate"]),
            against=at_rate(str(line["reference"]), number(line["reference_rate"])),
            quantity=reference.metric,
            margin=float(line["margin"]),
            seeds=int(line["seeds"]),
            value=float(line["difference"]),
            low=number(line["low"]),
            high=number(line["high"]),
            share=share,
            outcome=str(line["verdict"]),
            runs=(*(mine for mine, _ in both), *(theirs for _, theirs in both)),
        )


def _families(path: Path) -> dict[str, list[dict[Hashable, Any]]]:
    """Return the lines of a kept comparison by family; empty if there is none."""
    frame: pd.DataFrame | None = kept_comparison(path)
    if frame is None:
        return {}
    return {str(name): part.to_dict("records") for name, part in frame.groupby("family", sort=False)}


def _verdict(line: Mapping[Hashable, Any], share: tuple[float, float, float] | None, test: Compared) -> str:
    if test.expected is not None:
        return verdict_of(line["verdict"], test.expected)
    if share is None or test.share is None or int(line["seeds"]) < 2:
        return UNDECIDED
    _, low, high = share
    return HOLDS if low >= test.share else FAILS if high < test.share else UNDECIDED


def _is_meant(point: Point, test: Compared) -> bool:
    return all(point.columns[column] in values for column, values in test.narrowed.items())
