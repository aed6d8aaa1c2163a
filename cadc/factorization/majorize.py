"""One step of many small penalised logistic regressions at once: the quadratic bound of Jaakkola and Jordan (2000)."""

import torch
from torch import Tensor

from cadc.errors import CadcError

MIN_PASSES = 3
"""Passes that a fit takes at least: the second of the over-relaxed ones may overshoot before the third gains most."""


def curvature(logits: Tensor, probability: Tensor) -> Tensor:
    """Return tanh(z/2) / 2z, the curvature of the lowest parabola above log(1 + e^-z) that touches it at z.

    It is never below the second derivative σ(z)σ(-z), so that steps by it never make the loss larger, whatever z is;
    Newton's own steps can (Jaakkola and Jordan 2000, eq. 12).

    Parameters
    ----------
    logits : z, float32.
    probability : σ(z), of the same shape.
    """
    return torch.where(logits.abs() < 1e-2, 0.25, (probability - 0.5) / logits)


def solve(
    features: Tensor,
    weights: Tensor,
    errors: Tensor,
    parameters: Tensor,
    penalties: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the steps to the minima of m bounds, and the variances there.

    Each bound is ½ Σ_l w_l (x_l·s)² - Σ_l e_l x_l·s + ½ Σ_k penalty_k (p_k + s_k)², as a function of the step s.

    Parameters
    ----------
    features : x of each value's rows, shape [m, L, k]; rows that only fill up have weight and error, or features, 0.
    weights : w, the curvatures, shape [m, L].
    errors : e = label - probability, shape [m, L].
    parameters : p, shape [m, k].
    penalties : shape [m, k].

    Returns
    -------
    steps : shape [m, k].
    variances : mean of the first k - 1 diagonal entries of each inverse Hessian, shape [m]; 0 where k is 1.
    """
    hessian, gradient = moments(features, weights, errors)
    return newton(hessian, gradient - parameters * penalties, penalties)


def moments(features: Tensor, weights: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ_l w_l x_l x_lᵀ [m, k, k] and Σ_l e_l x_l [m, k], by one product that reads the features once.

    Parameters
    ----------
    features : x, shape [m, L, k].
    weights, errors : w and e, shape [m, L].
    """
    m, length, k = features.shape
    left = features.new_empty(m, length, k + 1)
    torch.mul(features, weights[..., None], out=left[..., :k])
    left[..., k] = errors
    both = torch.bmm(left.transpose(1, 2), features)
    return both[:, :k], both[:, k]


def newton(hessian: Tensor, gradient: Tensor, penalties: Tensor) -> tuple[Tensor, Tensor]:
    """Return (hessian + diag(penalties))^-1 gradient for m systems, and the mean variance of all but the last variable.

    Parameters
    ----------
    hessian : symmetric, shape [m, k, k]; overwritten.
    gradient, penalties : shape [m, k].

    Raises
    ------
    CadcError : where a system has no solution, since something is not finite.
    """
    hessian.diagonal(dim1=1, dim2=2).add_(penalties)
    factor = cholesky(hessian)
    m, k = gradient.shape
    if k == 1:
        return torch.cholesky_solve(gradient[..., None], factor)[..., 0], gradient.new_zeros(m)
    # With the inverse of the factor at hand, the diagonal of the inverse system is its columns' squared norms.
    inverse = torch.linalg.solve_triangular(factor, torch.eye(k, dtype=gradient.dtype).expand(m, k, k), upper=False)
    steps = torch.bmm(inverse.transpose(1, 2), torch.bmm(inverse, gradient[..., None]))[..., 0]
    return steps, inverse[:, :, : k - 1].square().sum((1, 2)) / (k - 1)


def cholesky(systems: Tensor) -> Tensor:
    """Return the lower Cholesky factors of m symmetric matrices, shape [m, k, k].

    Where one is singular, as without penalties those of values with few rows are, a small part of its mean diagonal is
    added (to `systems`, in place), so that directions that nothing is known of stay where they are.

    Raises
    ------
    CadcError : where a matrix has no factor even so, since something is not finite.
    """
    factor, failed = torch.linalg.cholesky_ex(systems)
    if failed.any():
        diagonal = systems.diagonal(dim1=1, dim2=2)
        diagonal.add_(1e-4 * diagonal.mean(1, keepdim=True) + 1e-6)
        factor, failed = torch.linalg.cholesky_ex(systems)
        if failed.any():
            raise CadcError("the factorisation's systems have no solution; raise factorization.l2.")
    return factor
