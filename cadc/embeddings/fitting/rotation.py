"""Bases in which the first columns of vectors matter most, and products between fields are what they were."""

from collections.abc import Mapping

import torch
from torch import Tensor

TINY = 1e-9
"""Share of the mean square that each direction has at least, so that those without any keep their products too."""


def rotated(targets: Mapping[str, Tensor], weights: Mapping[str, Tensor], extra_columns: int = 0) -> dict[str, Tensor]:
    """Turn the vectors of fields together, so that their products stay and prefixes approximate them best.

    Two fields, such as user and item, are turned by one balanced singular value decomposition; of one or several, all
    are turned by the same rotation into their common principal directions, which keeps the products of any two. Field
    means, which tables keep apart, are turned along but do not count.

    Parameters
    ----------
    targets : float32, shape [vocabulary size, d], by field.
    weights : of each value, not negative, shape [vocabulary size], by field.
    extra_columns : how many last columns are no part of the vectors, such as biases, and stay.
    """
    k = next(iter(targets.values())).shape[1] - extra_columns
    moments = {name: _moments(target[:, :k], weights[name]) for name, target in targets.items()}
    if len(targets) == 2:
        maps = dict(zip(targets, balancing(*moments.values()), strict=True))
    else:
        common = sum(moments.values(), torch.zeros(k, k, dtype=torch.float64))
        maps = dict.fromkeys(targets, torch.linalg.eigh(common).eigenvectors.flip(1))
    return {
        name: torch.cat([(target[:, :k].double() @ maps[name]).float(), target[:, k:]], 1)
        for name, target in targets.items()
    }


def balancing(of_users: Tensor, of_items: Tensor) -> tuple[Tensor, Tensor]:
    """Return A and B with A·Bᵀ = 1 such that U·A and V·B are the two halves of the decomposition of U·Vᵀ.

    With U·Vᵀ = P·S·Qᵀ these are P·√S and Q·√S, so that the first j columns of both give the best product of rank j.

    Parameters
    ----------
    of_users, of_items : Uᵀ·U and Vᵀ·V, float64, shape [k, k].
    """
    if not (of_users.trace() > 0 and of_items.trace() > 0):
        own = torch.linalg.eigh(of_users + of_items).eigenvectors.flip(1)
        return own, own
    left, right = _root(of_users), _root(of_items)
    p, s, qt = torch.linalg.svd(left @ right.T)
    return right.T @ qt.T / s.sqrt(), left.T @ p / s.sqrt()


def _root(moments: Tensor) -> Tensor:
    """Return R, upper triangular, with Rᵀ·R = moments, whose least directions are lifted a little."""
    k = len(moments)
    lifted = moments + TINY * moments.trace() / k * torch.eye(k, dtype=moments.dtype)
    return torch.linalg.cholesky(lifted, upper=True)


def _moments(vectors: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted covariance of vectors, float64, shape [k, k]."""
    own, mass = vectors.double(), weight.double() / weight.double().sum().clamp(min=1e-30)
    own = own - mass @ own
    return own.T @ (mass.unsqueeze(1) * own)
