"""Quality against the compression of tables: a line a scheme, a panel an arm and rate, full tables as levels."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from cadc.reporting.palette import LINES, Palette
from cadc.reporting.panel import Panel, Part, axis_label, differ, limit


class RatioPanel(Panel):
    """Quality against the ratio that was asked for, on a log axis; what a scheme cannot reach has no point."""

    beside: ClassVar[float] = 2.8
    by: ClassVar[str] = "embedding"
    columns: ClassVar[int] = 4

    def size(self, table: pd.DataFrame) -> tuple[float, float]:
        """Return width and height of a panel in inches."""
        return 3.9, 3.7

    def parts(self, table: pd.DataFrame) -> list[Part]:
        """Return data sets × arms × rates × dimensions of compressed tables, each with the full tables beside it."""
        if "ratio" not in table:
            return super().parts(table)
        compressed = table[table["ratio"].notna()]
        several = differ(table["dataset"])
        found = []
        for key, rows in compressed.groupby(["dataset", "arm", "rate", "dim"], sort=False):
            dataset, arm, rate, dim = key
            same = compressed[(compressed["dataset"] == dataset) & (compressed["arm"] == arm)]
            words = [
                *([str(dataset)] if several else []),
                str(arm),
                *([f"{100 * float(rate):g} %"] if differ(same["rate"]) else []),
                *([f"d = {dim}"] if differ(same["dim"]) else []),
            ]
            levels = table[table["ratio"].isna() & (table["dataset"] == dataset)]
            levels = levels[levels["dim"].isna() | (levels["dim"] == dim)]
            found.append(Part(", ".join(words), pd.concat([rows, levels]), self))
        return found or super().parts(table)

    def __call__(self, axes: Axes, rows: pd.DataFrame, metric: str, palette: Palette, alone: bool) -> None:
        """Draw a line a scheme with its intervals, and a level a full table or control."""
        mean, half = f"{metric}_mean", f"{metric}_ci"
        ends: list[float] = []
        has_ratio = rows["ratio"].notna() if "ratio" in rows else pd.Series(False, index=rows.index)
        for name, own in rows[has_ratio].groupby("embedding", sort=False):
            own = own.sort_values("ratio")
            level, spread = own[mean], own[half].fillna(0)
            style = palette.points(str(name)) | {"markersize": 4.5}
            axes.errorbar(
                own["ratio"], level, spread, label=str(name), linewidth=1.2, elinewidth=0.7, capsize=1.5, **style
            )
            ends += [*(level - spread), *(level + spread)]
        ratios = sorted(rows.loc[has_ratio, "ratio"].unique())
        names = list(dict.fromkeys(palette.table.loc[palette.table.get("ratio", pd.Series(dtype=float)).isna(), "arm"]))
        for row in rows[~has_ratio].to_dict("records"):
            line = (["-", *LINES] * len(names))[names.index(row["arm"])]
            rate = "" if pd.isna(row["rate"]) else f", {100 * row['rate']:g} %"
            axes.axhline(row[mean], color="0.35", linestyle=line, linewidth=1.1, label=f"{row['arm']}{rate}")
        limit(axes, ends, rows[mean])
        if ratios:
            axes.set_xscale("log")
            axes.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios])
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("ratio of compression asked for")
        axes.set_ylabel(axis_label(metric))
