"""Uniform quantisers: b bits tell 2^b levels apart, which are a step from one another."""

import torch
from torch import Tensor

SHARES = (1.0, 0.95, 0.9, 0.84, 0.78, 0.71, 0.64, 0.57, 0.5, 0.42, 0.34, 0.26, 0.18, 0.1)
"""Of the step at which the largest number is on the outermost level: where the search for the best step begins."""

ROUNDS = 2
"""Times that numbers are coded anew by the step that their codes ask for."""


def codes_of(values: Tensor, step: Tensor, bits: int, shift: float = 0.0) -> Tensor:
    """Return the code c of the level (c + shift)·step that is nearest to each number, as whole floats.

    Parameters
    ----------
    values, step : of shapes that fit each other; all codes at a step of 0 are alike in value.
    bits : at least 1; codes run from -2^(bits-1) to 2^(bits-1) - 1.
    shift : 0 has a level at 0; 0.5 has as many levels above it as below.
    """
    half = 1 << (bits - 1)
    return (values / step.where(step > 0, torch.ones_like(step)) - shift).round_().clamp_(-half, half - 1)


def best_steps(values: Tensor, bits: int, shift: float = 0.0, mass: Tensor | None = None) -> Tensor:
    """Return for each row the step of least squared error, shape [n]; at worst as good as all zeros.

    From several beginnings, numbers are coded by turns and the step is fitted to their codes by least squares (Lloyd's
    algorithm for levels that are a step apart).

    Parameters
    ----------
    values : float32, shape [n, k].
    bits, shift : see `codes_of`.
    mass : of each squared error, of a shape that fits `values`; None weighs all alike.
    """
    half = 1 << (bits - 1)
    widest = values.abs().amax(1) / max(half - shift, half - 1 + shift)
    best, gained = torch.zeros_like(widest), torch.zeros_like(widest)
    weighted = values if mass is None else values * mass
    for share in SHARES:
        step = widest * share
        for _ in range(ROUNDS):
            levels = codes_of(values, step.unsqueeze(1), bits, shift).add_(shift)
            along = (weighted * levels).sum(1).clamp_(min=0)
            size = (levels.square() if mass is None else levels.square() * mass).sum(1)
            step = torch.where(size > 0, along / size, 0)
        gain = along * step
        is_better = gain > gained
        best, gained = torch.where(is_better, step, best), torch.where(is_better, gain, gained)
    return best


def straight_through(values: Tensor, offset: Tensor, step: Tensor, bits: Tensor) -> Tensor:
    """Return clip(round((w - β)/α), -2^(b-1), 2^(b-1) - 1)·α + β, with gradients as if nothing were rounded.

    So w has a gradient within the clipped range, β outside it, and α that of learned step sizes (Esser et al., ICLR
    2020, equation 3): round(x) - x within, the outermost code outside, x = (w - β)/α.

    Parameters
    ----------
    values, offset, step : w, β and α, of shapes that fit each other.
    bits : b, of a shape that fits them; those of 0 bits give 0, with no gradient.
    """
    half = torch.exp2(bits - 1.0)
    within = ((values - offset) / step).clamp(-half, half - 1)
    codes = within + (within.round() - within).detach()
    return (codes * step + offset) * (bits > 0)


def with_scaled_gradient(value: Tensor, scale: Tensor) -> Tensor:
    """Return a value whose gradient is multiplied by a scale."""
    return value * scale + (value * (1 - scale)).detach()
