"""The figure of `inr_image`: quality against operations, and what the networks reproduce."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from torch import Tensor

from cadc.embeddings.fitting.structure_search import Tried
from cadc.reporting.drawn.palette import COLOURS
from cadc.reporting.drawn.style import DPI, SIZE, STYLE, WIDTH

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw(
    folder: Path,
    image: Tensor,
    shown: Sequence[tuple[str, Tried, Tensor]],
    known: Sequence[Tried],
    tried: Sequence[Tried],
) -> None:
    """Write `figure.svg` and `figure.png`.

    Parameters
    ----------
    folder : where the files go.
    image : as it is, grey levels in [-1, 1].
    shown : networks with their images, by name; the first is the single one, the second, if there is
        one, the cheapest that is as good.
    known, tried : the structures that were given, the single one first, and those that the search fitted.
    """
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, 2 + len(shown), figsize=(WIDTH, 2.5), layout="constrained",
            width_ratios=[2.0, *[1] * (1 + len(shown))],
        )  # fmt: skip
        _curve(axes[0], shown, known, tried)
        pictures: list[tuple[str, Any]] = [("image", image)]
        pictures += [(f"{name}\n{one.flops / 1e9:.3g} GFLOP, {one.psnr:.1f} dB", found) for name, one, found in shown]
        for panel, (title, pixels) in zip(axes[1:], pictures, strict=True):
            panel.imshow(pixels, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
            panel.set_title(title, fontsize=SIZE)
            panel.set_axis_off()
        figure.savefig(folder / "figure.svg", metadata={"Date": None})
        figure.savefig(folder / "figure.png", dpi=DPI, metadata={"Software": None})
        plt.close(figure)


def _curve(
    axes: Any, shown: Sequence[tuple[str, Tried, Tensor]], known: Sequence[Tried], tried: Sequence[Tried]
) -> None:
    single = known[0]
    groups = [
        ("searched", tried, {"color": "0.6", "marker": "o", "s": 12}),
        ("ensembles of the literature", known[1:], {"color": COLOURS[0], "marker": "s", "s": 18}),
        ("one SIREN of 3 x 256", [single], {"color": COLOURS[1], "marker": "D", "s": 18}),
    ]
    if len(shown) > 1:
        found = shown[-1][1].structure
        name = f"cheapest: {found.cells} x {found.cells} cells of {found.depth} x {found.width}"
        groups.append((name, [shown[-1][1]], {"color": COLOURS[3], "marker": "*", "s": 50}))
    for name, of_group, style in groups:
        axes.scatter([one.flops / 1e9 for one in of_group], [one.psnr for one in of_group], label=name, **style)
    axes.axhline(single.psnr, color=COLOURS[1], linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.set_xlabel("GFLOP for the whole image")
    axes.set_ylabel("PSNR (dB, peak = range)")
    # Below the panel, so that it covers no point.
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(-0.15, -0.3), labelspacing=0.3)
