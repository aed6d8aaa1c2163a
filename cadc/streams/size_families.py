"""Families of sizes by the rank of frequencies, as BET (arXiv 2310.14884) draws them, by their quantiles."""

import torch
from torch import Tensor

FAMILIES = {"power": 20.0, "normal": 20.0, "exponential": 5.0, "lognormal": 0.5}
"""Largest parameter of each family."""


def quantiles(family: int, parameter: float, u: Tensor) -> Tensor:
    """Return the quantiles of a family, which are weights of sizes, float64, shape as u.

    Parameters
    ----------
    family : its place in `FAMILIES`.
    parameter : share of its largest parameter p, in [0, 1]. power: u^(1/p); normal: of the absolute value of a standard
        normal number below p; exponential: exp(p·u); lognormal: exp(p·z), with z the standard normal quantile.
    u : probabilities, in (0, 1), float64.

    Examples
    --------
    >>> quantiles(2, 0.2, torch.tensor([0.0, 1.0], dtype=torch.float64))
    tensor([1.0000, 2.7183], dtype=torch.float64)
    """
    name = list(FAMILIES)[family]
    p = max(parameter, 1e-3) * FAMILIES[name]
    if name == "power":
        return u ** (1 / p)
    if name == "normal":
        return 2**0.5 * torch.erfinv(u * torch.erf(torch.tensor(p / 2**0.5, dtype=torch.float64)))
    if name == "exponential":
        return torch.exp(p * u)
    return torch.exp(p * torch.special.ndtri(u))
