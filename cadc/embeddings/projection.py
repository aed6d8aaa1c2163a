"""Least-squares approximation of dense targets by tables whose rows or numbers are shared."""

import torch
from torch import Tensor


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
