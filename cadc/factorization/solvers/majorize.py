"""Steps of many small penalised logistic regressions at once, by the quadratic bound of Jaakkola and Jordan (2000)."""

import torch
from torch import Tensor

from cadc.errors import CadcError

MIN_PASSES = 3
"""Fewest passes of a fit: the second over-relaxed pass may overshoot before the third one gains most."""
HELD = 1e9
"""Penalty that keeps a vector at zero, such as that of *unknown*."""
PART = 1 << 15
"""Most examples of a value in one product, which adds in float32 one after the other: 2·10⁷ at once are 4 % off."""


def curvature(logits: Tensor, probability: Tensor) -> Tensor:
    """Return tanh(z/2) / 2z, the curvature of the lowest parabola above log(1 + e^-z) that touches it at z.

    It is never below the second derivative σ(z)σ(-z), so that steps with this curvature never increase the loss, as
    Newton steps may (Jaakkola and Jordan 2000, eq. 12).

    Parameters
    ----------
    logits : z, float32.
    probability : σ(z), of the same shape.
    """
    return torch.where(logits.abs() < 1e-2, 0.25, (probability - 0.5) / logits)


def moments(features: Tensor, weights: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ_l w_l x_l x_lᵀ [m, k, k] and Σ_l e_l x_l [m, k], in one product that reads the features once.

    These are the second derivatives of the bound ½ Σ_l w_l (x_l·s)² - Σ_l e_l x_l·s of each of m values by the step s,
    and its negative gradient at s = 0.

    Parameters
    ----------
    features : x, followed by one column of any finite numbers, shape [m, L, k + 1]; the rows of padding are zero.
    weights, errors : w and e, shape [m, L].
    """
    parts = []
    for own, weight, error in zip(features.split(PART, 1), weights.split(PART, 1), errors.split(PART, 1), strict=True):
        left = own * weight[..., None]
        left[..., -1] = error
        # Both sides have k + 1 columns, as many as a vector, a one and a bias: products of 16 columns are fast.
        parts.append(torch.bmm(left.transpose(1, 2), own))
    both = parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
    return both[:, :-1, :-1], both[:, -1, :-1]


def newton(hessian: Tensor, gradient: Tensor, penalties: Tensor) -> tuple[Tensor, Tensor]:
    """Return (hessian + diag(penalties))⁻¹ gradient for m systems, and the mean variance of all but the last variable.

    Parameters
    ----------
    hessian : symmetric, shape [m, k, k]; overwritten.
    gradient, penalties : shape [m, k].

    Raises
    ------
    CadcError : if a system has no solution, because a number is not finite.
    """
    hessian.diagonal(dim1=1, dim2=2).add_(penalties)
    factor = cholesky(hessian)
    m, k = gradient.shape
    if k == 1:
        return torch.cholesky_solve(gradient[..., None], factor)[..., 0], gradient.new_zeros(m)
    # The diagonal of the inverse system consists of the squared norms of the columns of the factor's inverse.
    inverse = torch.linalg.solve_triangular(factor, torch.eye(k, dtype=gradient.dtype).expand(m, k, k), upper=False)
    steps = torch.bmm(inverse.transpose(1, 2), torch.bmm(inverse, gradient[..., None]))[..., 0]
    return steps, inverse[:, :, : k - 1].square().sum((1, 2)) / (k - 1)


def cholesky(systems: Tensor) -> Tensor:
    """Return the lower Cholesky factors of m symmetric matrices, shape [m, k, k].

    Without penalties, matrices of values with few rows are singular. In this case a small part of its mean diagonal is
    added to every matrix (in place), so that undetermined directions stay as they are.

    Parameters
    ----------
    systems : shape [m, k, k].

    Raises
    ------
    CadcError : if a matrix still has no factor, because a number is not finite.
    """
    factor, failed = torch.linalg.cholesky_ex(systems)
    if failed.any():
        diagonal = systems.diagonal(dim1=1, dim2=2)
        diagonal.add_(1e-4 * diagonal.mean(1, keepdim=True) + 1e-6)
        factor, failed = torch.linalg.cholesky_ex(systems)
        if failed.any():
            raise CadcError("the factorisation's systems have no solution; raise factorization.l2.")
    return factor
