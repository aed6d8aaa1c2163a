"""Products and scores with denormal numbers, which some processors multiply many times slower."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import OURS, Case
from benchmarks.options import Options

if TYPE_CHECKING:
    from torch import Tensor

SHARE = 0.1
"""Of the weights that are denormal: of this order after nine epochs of decay where nothing prevents it."""


def cases(options: Options) -> Iterator[Case]:
    """Yield a product with the flag that runs set, without it, and without denormal numbers."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the flag is one of the calling thread
    n_rows = options.size(65_536, 256)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n_rows, 128, generator=generator)
    normal = torch.randn(128, 64, generator=generator)
    denormal = torch.where(torch.rand(128, 64, generator=generator) < SHARE, 1e-40 * normal, normal)
    works = {
        OURS: partial(product, inputs, denormal, True),
        "without the flag": partial(product, inputs, denormal, False),
        "limit: without denormal numbers": partial(product, inputs, normal, False),
    }
    try:
        yield Case(f"a layer of 128 by 64 on {n_rows} rows, {SHARE:.0%} of its weights denormal", works, n_rows, "rows")
        works = {
            OURS: partial(product, 1e-40 * inputs, 1e-40 * normal, True),
            "without the flag": partial(product, 1e-40 * inputs, 1e-40 * normal, False),
            "limit: without denormal numbers": partial(product, inputs, normal, False),
        }
        yield Case(f"the same, all numbers denormal, {n_rows} rows", works, n_rows, "rows")
    finally:
        torch.set_flush_denormal(True)
        torch.set_num_threads(n_threads)


def product(inputs: "Tensor", weights: "Tensor", flush: bool) -> None:
    """Multiply two matrices, with denormal numbers dropped or not."""
    import torch

    torch.set_flush_denormal(flush)
    torch.relu(inputs @ weights)
