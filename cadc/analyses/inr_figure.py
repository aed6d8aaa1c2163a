"""The figure of `inr_image`: quality against operations, and what the networks reproduce."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from torch import Tensor

from cadc.embeddings.fitting.structure_search import Tried
from cadc.reporting.drawn.figure import STYLE

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
            1, 2 + len(shown), figsize=(4.6 + 2.5 * (1 + len(shown)), 3.7), layout="constrained",
            width_ratios=[1.7, *[1] * (1 + len(shown))],
        )  # fmt: skip
        _curve(axes[0], shown, known, tried)
        pictures: list[tuple[str, Any]] = [("image", image)]
        pictures += [(f"{name}\n{one.flops / 1e9:.3g} GFLOP, {one.psnr:.1f} dB", found) for name, one, found in shown]
        for panel, (title, pixels) in zip(axes[1:], pictures, strict=True):
            panel.imshow(pixels, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
            panel.set_title(title, fontsize=10)
            panel.set_axis_off()
        figure.savefig(folder / "figure.svg", metadata={"Date": None})
        figure.savefig(folder / "figure.png", dpi=160, metadata={"Software": None})
        plt.close(figure)


def _curve(
    axes: Any, shown: Sequence[tuple[str, Tried, Tensor]], known: Sequence[Tried], tried: Sequence[Tried]
) -> None:
    single = known[0]
    groups = [
        ("searched", tried, {"color": "0.6", "marker": "o", "s": 18}),
        ("ensembles of the literature", known[1:], {"color": "tab:blue", "marker": "s", "s": 36}),
        ("one SIREN of 3 x 256", [single], {"color": "tab:orange", "marker": "D", "s": 40}),
    ]
    if len(shown) > 1:
        found = shown[-1][1].structure
        name = f"cheapest: {found.cells} x {found.cells} cells of {found.depth} x {found.width}"
        groups.append((name, [shown[-1][1]], {"color": "tab:red", "marker": "*", "s": 110}))
    for name, of_group, style in groups:
        axes.scatter([one.flops / 1e9 for one in of_group], [one.psnr for one in of_group], label=name, **style)
    axes.axhline(single.psnr, color="tab:orange", linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.set_xlabel("GFLOP for the whole image")
    axes.set_ylabel("PSNR (dB, peak = range)")
    axes.legend(fontsize=8, loc="best")
