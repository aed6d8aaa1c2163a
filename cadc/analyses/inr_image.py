"""Ensemble INR on its original task (arXiv 2110.04124): an image in the weights of one network, or of one per cell."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.analyses.inr_figure import draw
from cadc.embeddings.fitting.regression import Points, regress
from cadc.embeddings.fitting.structure_search import Space, Structure, Tried, cheapest
from cadc.embeddings.fitting.subnetworks import NetworkShape, SubNetworks
from cadc.embeddings.schemes.cells import middles
from cadc.errors import DataError, UsageError, require_at_least, require_positive
from cadc.experiment.analysis import Analysis
from cadc.provenance.fingerprint import file_hash
from cadc.provenance.threads import threads
from cadc.randomness import torch_generator

PHOTOGRAPH = "grace_hopper.jpg"
"""A photograph in the public domain that matplotlib ships."""
SIDE = 512
"""Side of the square that is cut out of it, in pixels."""
GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
PEAK = 2.0
"""Range of the signal, which lies in [-1, 1]."""

SINGLE = Structure(1, 3, 256)
KNOWN = {SINGLE: 34.1, Structure(2, 5, 64): 33.8, Structure(4, 2, 64): 36.5}
"""Structures and their published PSNR on another image of 128 by 128 pixels, in dB with a peak of 1."""
OTHER_PEAK = 20 * float(np.log10(PEAK))
SPACE = Space((1, 2, 4, 8, 16), (0, 1, 2, 3), (8, 12, 16, 24, 32, 48, 64))


class InrImage(Analysis):
    """Operations that one SIREN and ensembles of small ones need for an image, and the PSNR that they reach.

    Parameters
    ----------
    size : side of the image in pixels; a power of two from 16 to 512.
    steps : of Adam, for each ensemble.
    single_steps : of Adam, for the single network, which needs more to converge.
    share : of the pixels that each step draws.
    learning_rate : of the first step, with cosine decay; 0.01 moves a SIREN's weights as 0.0003 does elsewhere,
        see `SubNetworks`.
    trials : number of structures that the search fits.
    seed : of weights, pixels and search.
    threads : of torch.
    """

    def __init__(
        self,
        size: int = 128,
        steps: int = 1000,
        single_steps: int = 2500,
        share: float = 0.25,
        learning_rate: float = 0.01,
        trials: int = 12,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        require_at_least(1, "analysis", steps=steps, single_steps=single_steps, trials=trials, threads=threads)
        require_positive("analysis", share=share, learning_rate=learning_rate)
        if size not in (16, 32, 64, 128, 256, 512):
            raise UsageError(f"analysis.size is {size}; choose a power of two from 16 to 512.")
        self.size, self.steps, self.share, self.learning_rate = size, steps, min(share, 1.0), learning_rate
        self.single_steps, self.trials, self.seed, self.threads = single_steps, trials, seed, threads

    def run(self, folder: Path) -> pd.DataFrame:
        """Fit the published structures, search for the cheapest that is as good as the single one, and draw."""
        image, source = photograph(self.size)
        fitted: dict[Structure, tuple[Tensor, float]] = {}

        def psnr(structure: Structure) -> float:
            started = time.perf_counter()
            found = self.fit(structure, image)
            fitted[structure] = (found, time.perf_counter() - started)
            return psnr_of(found, image)

        with threads(self.threads):
            known = [Tried(structure, self.flops(structure), psnr(structure)) for structure in KNOWN]
            best, tried = cheapest(SPACE, self.flops, psnr, known[0].psnr, self.trials, self.seed)
        if best is not None and best.psnr < known[0].psnr:
            best = None
        names = ["one SIREN", *["ensemble"] * (len(known) - 1), *["ensemble, searched"] * len(tried)]
        rows = [
            {
                "network": "ensemble, cheapest" if one == best else name,
                "cells": f"{one.structure.cells} x {one.structure.cells}",
                "depth": one.structure.depth,
                "width": one.structure.width,
                "parameters": one.structure.cells**2 * _shape(one.structure).weights,
                "gflop": one.flops / 1e9,
                "steps": self.steps_of(one.structure),
                "psnr": round(one.psnr, 2),
                "psnr_peak_1": round(one.psnr - OTHER_PEAK, 2),
                "known_psnr_peak_1": KNOWN.get(one.structure) if self.size == 128 else None,
                "fit_s": round(fitted[one.structure][1], 1),
            }
            for name, one in zip(names, [*known, *tried], strict=True)
        ]
        table = pd.DataFrame(rows)
        table.attrs["note"] = (
            f"{source}; {self.size} x {self.size} grey levels in [-1, 1]. `gflop`: 10^9 floating-point operations for "
            "the whole image once, a multiplication and an addition being two. `psnr`: dB, the peak being the range of "
            "the signal (2); `psnr_peak_1`: with a peak of 1, as the known figures, of another image, have it. "
            f"`steps`: of Adam, each on {100 * self.share:g} % of the pixels."
        )
        shown = [("one SIREN", known[0]), *([("ensemble", best)] if best is not None else [])]
        draw(folder, image, [(name, one, fitted[one.structure][0]) for name, one in shown], known, tried)
        return table

    def flops(self, structure: Structure) -> float:
        """Return the floating-point operations of the whole image."""
        return float(_shape(structure).flops * self.size**2)

    def steps_of(self, structure: Structure) -> int:
        """Return the number of steps that a structure is fitted for."""
        return self.single_steps if structure == SINGLE else self.steps

    def fit(self, structure: Structure, image: Tensor) -> Tensor:
        """Return the image as networks of a structure reproduce it, float32, shape [size, size]."""
        side, generator = self.size // structure.cells, torch_generator(self.seed, str(structure))
        along = middles(torch.arange(side).float(), side)
        grid = torch.stack(torch.meshgrid(along, along, indexing="ij"), -1).view(1, -1, 2)
        inputs = grid.expand(structure.cells**2, -1, -1)
        wanted = _cut(image, structure.cells)
        ones = torch.ones(wanted.shape[:2])
        network = SubNetworks(structure.cells**2, _shape(structure))
        network.reset(generator)
        n_drawn = max(1, round(self.share * side**2))

        def everything() -> Iterator[Points]:
            yield inputs, wanted, ones

        def some() -> Points:
            at = torch.randperm(side**2, generator=generator)[:n_drawn]
            return inputs[:, at], wanted[:, at], ones[:, at]

        regress(network, everything, some, self.steps_of(structure), self.learning_rate, solve=False)
        with torch.no_grad():
            return _joined(network(inputs), structure.cells)


def photograph(size: int) -> tuple[Tensor, str]:
    """Return the centre of the photograph in grey, float32 in [-1, 1], shape [size, size], and a description.

    Raises
    ------
    DataError : if this version of matplotlib does not ship it.
    """
    from matplotlib import cbook, image

    try:
        path = Path(cbook.get_sample_data(PHOTOGRAPH, asfileobj=False))
        pixels: NDArray[np.float64] = np.asarray(image.imread(path), np.float64)
    except OSError as error:
        raise DataError(
            f"matplotlib has no {PHOTOGRAPH}, the image of this analysis; install another version."
        ) from error
    top, left = ((length - SIDE) // 2 for length in pixels.shape[:2])
    grey = pixels[top : top + SIDE, left : left + SIDE, :3] @ np.array(GREY)
    block = SIDE // size
    small = grey.reshape(size, block, size, block).mean((1, 3))
    name = f"{PHOTOGRAPH} of matplotlib (SHA-256 {file_hash(path)[:16]}), its middle averaged over squares of pixels"
    return torch.from_numpy(small / 127.5 - 1).float(), name


def psnr_of(found: Tensor, image: Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB, the peak being the range of the signal."""
    return float(10 * torch.log10(PEAK**2 / (found - image).double().square().mean()))


def _shape(structure: Structure) -> NetworkShape:
    return NetworkShape(2, 1, structure.width, structure.depth)


def _cut(image: Tensor, cells: int) -> Tensor:
    """Return the pixels of each of cells × cells squares, shape [cells², n, 1]."""
    side = len(image) // cells
    return image.view(cells, side, cells, side).transpose(1, 2).reshape(cells**2, side**2, 1)


def _joined(parts: Tensor, cells: int) -> Tensor:
    """Return the image from the squares that `_cut` returned."""
    side = round(parts.shape[1] ** 0.5)
    return parts.view(cells, cells, side, side).transpose(1, 2).reshape(cells * side, cells * side)
