"""Results of a benchmark: a row for each work, saved as JSON, CSV and Markdown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.case import LIMIT, OURS, Case
from benchmarks.machine import said
from benchmarks.timer import Times

FILE = "bench.json"
HEADS = ("case", "by", "seconds", "from", "to", "CPU", "rate", "to cadc", "of limit", "beside")


@dataclass(frozen=True)
class Row:
    """What a work took.

    Parameters
    ----------
    section, case, by : which work.
    seconds, least, most : wall time: median, and ends of the spread over turns.
    cpu_seconds : median processor time.
    turns : number of turns.
    amount, unit : what was done in this time.
    relative : seconds relative to those of cadc.
    share : seconds of the limit relative to these; None without a limit, or for a limit.
    figures : medians of what the work found beside its time.
    remark : why it was not done; numbers are then 0.
    """

    section: str
    case: str
    by: str
    seconds: float = 0.0
    least: float = 0.0
    most: float = 0.0
    cpu_seconds: float = 0.0
    turns: int = 0
    amount: float = 0.0
    unit: str = ""
    relative: float | None = None
    share: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    remark: str = ""


def rows_of(section: str, case: Case, times: Mapping[str, Times], remarks: Mapping[str, str]) -> list[Row]:
    """Return the rows of a case; the first limit is what shares are of."""
    medians = {name: own.wall[len(own.wall) // 2] for name, own in times.items()}
    limit = next((name for name in times if name.startswith(LIMIT)), None)
    rows = []
    for name, own in times.items():
        is_limit = name.startswith(LIMIT)
        rows.append(
            Row(
                section,
                case.name,
                name,
                medians[name],
                own.wall[0],
                own.wall[-1],
                own.cpu,
                len(own.turns),
                case.amount,
                case.unit,
                medians[name] / medians[OURS] if OURS in medians else None,
                medians[limit] / medians[name] if limit and not is_limit else None,
                own.figures,
                remarks.get(name, ""),
            )
        )
    return rows + [Row(section, case.name, name, remark=why) for name, why in remarks.items() if name not in times]


class Results:
    """The results in a folder; a section that is measured again replaces what it had.

    Parameters
    ----------
    folder : of the files; None keeps them in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.sections: dict[str, dict[str, Any]] = {}
        if folder is not None and (folder / FILE).exists():
            self.sections = json.loads((folder / FILE).read_text(encoding="utf-8"))["sections"]

    def add(self, name: str, title: str, machine: Mapping[str, Any], seconds: float, rows: Iterable[Row]) -> None:
        """Add a section, and write all files."""
        own = {"title": title, "machine": dict(machine), "seconds": round(seconds, 1)}
        self.sections[name] = {**own, "rows": [asdict(row) for row in rows]}
        if self.folder is not None:
            self._write(self.folder)

    def _write(self, folder: Path) -> None:
        from cadc.storage.csv_tables import csv_text

        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps({"sections": self.sections}, indent=1) + "\n", encoding="utf-8")
        rows = [row for name in sorted(self.sections) for row in self.sections[name]["rows"]]
        table = pd.DataFrame(rows)
        table["figures"] = [_figures(row["figures"]) for row in rows]
        (folder / "table.csv").write_text(csv_text(table), encoding="utf-8")
        (folder / "table.md").write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        """Return all sections, each with its machine, as Markdown."""
        from cadc.reporting.written.markdown import markdown_rows

        parts = ["# Timings\n", NOTE]
        for name in sorted(self.sections):
            own = self.sections[name]
            rows = [cells(Row(**row)) for row in own["rows"]]
            parts += [f"## {name}: {own['title']}\n", f"{said(own['machine'])}\n", markdown_rows(HEADS, rows)]
        return "\n".join(parts)


NOTE = """\
Written by `scripts/bench`. Works of a case took turns on one machine, one after the other. `seconds` is the median wall
time of a turn, `from` and `to` the fastest and the slowest, `CPU` the median of processor seconds, `rate` how much was
done in a second. `to cadc` is a work's time over that of cadc: above 1 it is slower. `of limit` is the time of the
first limit of the case, which any way of doing the same needs, over the work's.
"""


def cells(row: Row) -> Sequence[str]:
    """Return a row as texts, in the order of `HEADS`."""
    if not row.turns:
        return [row.case, row.by, *[""] * 7, row.remark]
    times = [shown(value) for value in (row.seconds, row.least, row.most, row.cpu_seconds)]
    rate = f"{row.amount / row.seconds:,.4g} {row.unit}" if row.amount / row.seconds < 1e4 else _thousands(row)
    relative = "" if row.relative is None else f"{row.relative:.2f}"
    share = "" if row.share is None else f"{100 * row.share:.0f} %"
    beside = "; ".join(part for part in (_figures(row.figures), row.remark) if part)
    return [row.case, row.by, *times, rate, relative, share, beside]


def shown(seconds: float) -> str:
    """Return seconds in the unit that people would say them in.

    >>> shown(0.0123456), shown(12.34), shown(4.5e-6)
    ('12.3 ms', '12.3 s', '4.5 µs')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def _thousands(row: Row) -> str:
    return f"{float(f'{row.amount / row.seconds:.3g}'):,.0f} {row.unit}"


def _figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
