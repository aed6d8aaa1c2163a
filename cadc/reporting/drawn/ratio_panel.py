"""Quality against compression of the tables: a line for each scheme, full tables as levels."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from cadc.reporting.drawn.palette import LINES, Palette
from cadc.reporting.drawn.panel import Panel, Part, axis_label, differ, limit

KIND = ["dataset", "model", "initializer", "freeze", "sampler", "rate", "dim"]
"""Columns in which the lines of a panel agree."""


class RatioPanel(Panel):
    """Quality against the ratio that was asked for, on a log axis; ratios that a scheme cannot reach have no point."""

    beside: ClassVar[float] = 2.8
    by: ClassVar[str] = "embedding"
    columns: ClassVar[int] = 4

    def size(self, table: pd.DataFrame) -> tuple[float, float]:
        """Return width and height of a panel in inches."""
        return 3.9, 3.7

    def parts(self, table: pd.DataFrame) -> list[Part]:
        """Return a part for each arm and rate, with the levels of full tables trained on as many rows or more.

        Arms that agree in all else share a part, named after the first; a part with a single ratio is left out where
        others have several.
        """
        if "ratio" not in table:
            return super().parts(table)
        several, found = differ(table["dataset"]), []
        groups = list(table[table["ratio"].notna()].groupby(KIND, sort=False, dropna=False))
        swept = [group for group in groups if differ(group[1]["ratio"])] or groups
        firsts = pd.DataFrame([rows.iloc[0] for _, rows in swept])
        for _, rows in swept:
            dataset, arm, rate, dim = (rows[name].iloc[0] for name in ("dataset", "arm", "rate", "dim"))
            same = firsts[(firsts["arm"] == arm) & (firsts["dataset"] == dataset)]
            differing = [
                *([str(dataset)] if several else []),
                str(arm),
                *([f"{100 * rate:g} %"] if differ(same["rate"]) else []),
                *([f"d = {dim}"] if differ(same["dim"]) else []),
            ]
            levels = table[table["ratio"].isna() & (table["dataset"] == dataset)]
            levels = levels[levels["dim"].isna() | (levels["dim"] == dim)]
            levels = levels[levels["rate"].isna() | (levels["rate"] >= rate)]
            found.append(Part(", ".join(differing), pd.concat([rows, levels]), self))
        return found or super().parts(table)

    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw a line with its intervals for each scheme, and a level for each full table or control."""
        mean, half = f"{metric}_mean", f"{metric}_ci"
        ends: list[float] = []
        whole = _with_ratio(palette.table)
        rows = _with_ratio(rows)
        has_ratio = rows["ratio"].notna()
        for name, own in rows[has_ratio].groupby("embedding", sort=False):
            own = own.sort_values("ratio")
            level, spread = own[mean], own[half].fillna(0)
            style = palette.points(str(name)) | {"markersize": 4.5}
            axes.errorbar(
                own["ratio"], level, spread, label=str(name), linewidth=1.2, elinewidth=0.7, capsize=1.5, **style
            )
            ends += [*(level - spread), *(level + spread)]
        ratios = sorted(rows.loc[has_ratio, "ratio"].unique())
        names = list(dict.fromkeys(whole.loc[whole["ratio"].isna(), "arm"]))
        for row in rows[~has_ratio].to_dict("records"):
            line = (["-", *LINES] * len(names))[names.index(row["arm"])]
            of_arm = whole.loc[whole["arm"] == row["arm"], "rate"]
            rate = f", {100 * row['rate']:g} %" if differ(of_arm) else ""
            axes.axhline(row[mean], color="0.35", linestyle=line, linewidth=1.1, label=f"{row['arm']}{rate}")
        limit(axes, [*ends, *rows.loc[~has_ratio, mean]], rows[mean])
        if ratios:
            axes.set_xscale("log")
            axes.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios])
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("ratio of compression asked for")
        axes.set_ylabel(axis_label(metric))


def _with_ratio(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the column ratio, which a table of full embeddings lacks."""
    return rows if "ratio" in rows else rows.assign(ratio=float("nan"))
