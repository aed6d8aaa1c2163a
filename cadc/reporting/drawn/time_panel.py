"""Quality against total seconds, factorisation included; a point for each rate, labelled with it."""

from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from cadc import escape
from cadc.reporting.drawn.labels import label_points
from cadc.reporting.drawn.lettering import wrapped
from cadc.reporting.drawn.palette import Palette
from cadc.reporting.drawn.panel import Panel, Part, axis_label
from cadc.reporting.drawn.scales import limit, round_ticks
from cadc.reporting.drawn.style import SIZE


class TimePanel(Panel):
    """Quality against total seconds on a log axis."""

    interval: ClassVar[str] = "bar"

    def height(self, part: Part, width: float) -> float:
        """Return the height of a panel in inches, labels included."""
        return 0.7 * width + 0.45

    def __call__(self, axes: Axes, part: Part, metric: str, palette: Palette, width: float) -> None:
        """Draw the points of each arm in the order of their rates."""
        rows, mean, half = part.rows, f"{metric}_mean", f"{metric}_ci"
        ends: list[float] = []
        points: list[tuple[float, float, float, str]] = []
        for arm, own in rows.groupby("arm", sort=False):
            own = own.sort_values("rate")
            x, y, spread = own["total_s_mean"], own[mean], own[half].fillna(0)
            style = palette.points(str(arm)) | ({"markersize": 5.5, "linestyle": "none"} if len(own) == 1 else {})
            axes.errorbar(x, y, spread, label=str(arm), elinewidth=0.8, capsize=1.5, **style)
            texts = ["" if pd.isna(rate) else f"{100 * rate:g} %" for rate in own["rate"]]
            points += zip(x, y, spread, texts, strict=True)
            ends += [*(y - spread), *(y + spread)]
        limit(axes, ends, rows[mean])
        axes.set_xscale("log")
        low, high = float(rows["total_s_mean"].min()) / 1.3, float(rows["total_s_mean"].max()) * 1.3
        ticks = round_ticks(low, high, width - 0.5)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(low, high)
        label_points(axes, points, width - 0.6, self.height(part, width) - 0.8)
        timing = rows.attrs["timing"]
        where = f"on {escape.figure(timing[0], 200)}" if len(timing) == 1 else "not comparable, see the table"
        axes.set_xlabel("\n".join(wrapped(text, width - 0.4, SIZE) for text in (SECONDS, where)))
        axes.set_ylabel(axis_label(metric))


SECONDS = "total seconds, factorisation included"
