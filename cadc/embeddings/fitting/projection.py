"""Least-squares approximation of dense targets: by rows of their own, by shared rows, by fewer columns."""

import torch
from torch import Tensor

from cadc.embeddings.coding.rows import CHUNK


def copy_known(rows: Tensor, target: Tensor, weight: Tensor) -> None:
    """Give rows that are stored one by one their targets, in place; those of weight 0 stay as they are.

    Parameters
    ----------
    rows, target : float32, shape [n, d].
    weight : shape [n].
    """
    with torch.no_grad():
        rows.copy_(target.where(weight.unsqueeze(1) > 0, rows))


def slot_means(slots: Tensor, target: Tensor, weight: Tensor, otherwise: Tensor) -> Tensor:
    """Return for each shared row the weighted mean of the target rows that look it up.

    Parameters
    ----------
    slots : the shared row of each row, int64, shape [n].
    target, weight : float32, shapes [n, d] and [n].
    otherwise : what shared rows have that no row of positive weight looks up, shape [m, d].
    """
    mass = torch.zeros(len(otherwise), dtype=torch.float64).index_add(0, slots, weight.double())
    sums = torch.zeros(otherwise.shape, dtype=torch.float64)
    sums.index_add_(0, slots, weight.double().unsqueeze(1) * target.double())
    used = mass > 0
    means = (sums / mass.clamp(min=torch.finfo(torch.float64).tiny).unsqueeze(1)).float()
    return means.where(used.unsqueeze(1), otherwise)


def leading_directions(target: Tensor, weight: Tensor, width: int) -> Tensor:
    """Return the right singular vectors of the largest singular values of rows scaled by √weight.

    Projecting on them leaves the least weighted squared error of all tables of this width (Eckart and Young 1936).

    Parameters
    ----------
    target, weight : float32, shapes [n, d] and [n].
    width : how many, at most d.

    Returns
    -------
    directions : orthonormal, float32, shape [width, d].
    """
    moments = torch.zeros(target.shape[1], target.shape[1], dtype=torch.float64)
    for rows, mass in zip(target.split(CHUNK), weight.split(CHUNK), strict=True):
        own = rows.double()
        moments += own.T @ (mass.double().unsqueeze(1) * own)
    return torch.linalg.eigh(moments).eigenvectors.flip(1)[:, :width].T.float()
