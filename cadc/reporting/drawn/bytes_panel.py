"""Quality against the bytes of the tables: a small panel for each scheme, with all others behind it."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cadc.reporting.drawn.palette import LINES, Palette
from cadc.reporting.drawn.panel import Panel, Part, axis_label, differ
from cadc.reporting.drawn.scales import edge_notes, is_near_to, limit, log_axis

UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes"))


class BytesPanel(Panel):
    """Quality against measured bytes on a log axis; panels of a metric share their axes.

    Lines of the panel's scheme have the colours of their arms, those of other schemes are grey. Full tables and models
    without tables are levels.
    """

    sharey: ClassVar[bool] = True
    sharex: ClassVar[bool] = True
    columns: ClassVar[int] = 5
    interval: ClassVar[str] = "bar"

    def height(self, part: Part, width: float) -> float:
        """Return the height of a panel in inches, its title included."""
        return 1.25

    def palette(self, table: pd.DataFrame) -> Palette:
        """Return the colours of the arms, the first ones for those that have lines."""
        return Palette(table, set(table.loc[_is_line(table), "arm"]))

    def parts(self, table: pd.DataFrame) -> list[Part]:
        """Return a part for each data set and scheme that compresses, in the table's order."""
        found = []
        for dataset, own in table.groupby("dataset", sort=False):
            said = f"{dataset}: " if differ(table["dataset"]) else ""
            schemes = list(dict.fromkeys(own.loc[_is_line(own), "embedding"])) or ["full"]
            found += [Part(f"{said}{name}", own, self, str(name), place == 0) for place, name in enumerate(schemes)]
        return found

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw the lines of a scheme, those of the others behind them, and the levels."""
        mean, half = f"{metric}_mean", f"{metric}_ci"
        rows = part.rows
        lines = rows[_is_line(rows)]
        size, unit = _unit(rows)
        ends: list[float] = []
        behind: list[tuple[float, float]] = []
        for _, others in lines[lines["embedding"] != part.focus].groupby("embedding"):
            for _, own in _lines(others):
                # A gap ends each line: one artist is drawn faster than forty.
                sizes = own["embedding_bytes"].astype(float) / size
                behind += [*zip(sizes, own[mean], strict=True), (np.nan, np.nan)]
        if behind:
            axes.plot(*zip(*behind, strict=True), color="0.85", linewidth=0.6, zorder=1)
        for (arm, rest), own in _lines(lines[lines["embedding"] == part.focus]):
            spread = own[half].fillna(0)
            axes.errorbar(
                own["embedding_bytes"].astype(float) / size,
                own[mean],
                spread,
                label=arm + rest,
                elinewidth=0.8,
                capsize=1.2,
                **palette.points(arm),
            )
        ends += [*(lines[mean] - lines[half].fillna(0)), *(lines[mean] + lines[half].fillna(0))]
        levels = rows[~_is_line(rows)]
        names = list(dict.fromkeys(palette.table.loc[~_is_line(palette.table), "arm"]))
        values = []
        for row in levels.to_dict("records"):
            rates = levels.loc[levels["arm"] == row["arm"], "rate"]
            name = row["arm"] + (f", {100 * row['rate']:g} %" if differ(rates) else "")
            line = (["-", *LINES] * len(names))[names.index(row["arm"])]
            axes.axhline(row[mean], color="0.35", linestyle=line, linewidth=0.9, label=name, zorder=1.5)
            values.append((name, row[mean]))
        near = [value for _, value in values if lines.empty or is_near_to(value, lines[mean])]
        limit(axes, [*ends, *near], pd.Series([*lines[mean], *near]))
        if not lines.empty:
            log_axis(axes, list(lines["embedding_bytes"].astype(float) / size), width)
            drawn = pd.DataFrame({"x": lines["embedding_bytes"].astype(float) / size, "y": lines[mean]})
            edge_notes(axes, values, drawn, 0.85, part.is_first)
        axes.set_xlabel(f"tables ({unit})")
        axes.set_ylabel(axis_label(metric))


def _is_line(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows are points of a line: those of schemes that compress."""
    return rows["embedding"].notna() & rows["embedding"].ne("full") & rows["embedding_bytes"].notna()


def _lines(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield arm, what else tells its lines apart, and the rows of each line by their bytes."""
    for arm, own in rows.groupby("arm", sort=False):
        telling = [name for name in ("rate", "dim") if differ(own[name])]
        if not telling:
            yield (str(arm), ""), own.sort_values("embedding_bytes")
            continue
        for values, line in own.groupby(telling, sort=True, dropna=False):
            shown = {"rate": "{:.4g} of the rows", "dim": "d = {}"}
            rest = "".join(f", {shown[name].format(value)}" for name, value in zip(telling, values, strict=True))
            yield (str(arm), rest), line.sort_values("embedding_bytes")


def _unit(rows: pd.DataFrame) -> tuple[int, str]:
    """Return the unit of bytes in which most lines are at least one."""
    middle = float(rows["embedding_bytes"].dropna().median()) if rows["embedding_bytes"].notna().any() else 1.0
    return next((size, name) for size, name in UNITS if middle >= size or size == 1)
