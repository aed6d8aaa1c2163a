"""Least-squares approximation of dense targets by sums of shared rows, and by shared rows side by side."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array, diags_array
from torch import Tensor

from cadc.embeddings.coding.rows import CHUNK
from cadc.embeddings.fitting.conjugate_gradients import conjugate_gradients

TOLERANCE = 1e-7
"""Of the solution of normal equations, which is kept in float32."""

Slots = Callable[[Tensor], list[Tensor]]
"""Maps rows (int64, shape [n]) to the shared row of each of them for each part, int64, shape [n] each."""


def fit_sums(slots: Slots, target: Tensor, weight: Tensor, otherwise: Tensor) -> Tensor:
    """Return shared rows whose sums are nearest to a target: sparse least squares, weighted by row.

    The normal equations have a number for each pair of shared rows that some row uses together, and are solved by
    conjugate gradients in float64, preconditioned by their diagonal. Rows are taken in chunks. Of all solutions it is
    the smallest one, in units of that diagonal: a constant can go from one part to another.

    Parameters
    ----------
    slots : of rows.
    target, weight : float32, shapes [n, d] and [n]; weights are not negative.
    otherwise : what shared rows have that no row of positive weight uses, shape [m, d].
    """
    m = len(otherwise)
    gram, right = csr_array((m, m)), np.zeros(otherwise.shape)
    for rows in _known(weight):
        features = _features(slots(rows), m)
        weighted = (diags_array(weight[rows].double().numpy()) @ features).tocsr()
        gram = (gram + features.T @ weighted).tocsr()
        right += weighted.T @ target[rows].double().numpy()
    mass = gram.diagonal()
    scale = np.sqrt(np.where(mass > 0, mass, 1))[:, None]
    found = conjugate_gradients(lambda x: gram @ (x / scale) / scale, right / scale, TOLERANCE) / scale
    return torch.from_numpy(found).to(otherwise.dtype).where(torch.from_numpy(mass > 0).unsqueeze(1), otherwise)


def fit_joined(slots: Slots, target: Tensor, weight: Tensor, otherwise: Tensor) -> Tensor:
    """Return shared rows that, side by side, are nearest to a target: weighted means, each of what it stands for.

    Parameters
    ----------
    slots : of rows; the part that comes first has the first columns, and so on.
    target, weight : float32, shapes [n, d] and [n]; weights are not negative.
    otherwise : what shared rows have that no row of positive weight uses, shape [m, width]; where all parts together
        are wider than d, the last ones are cut off.
    """
    width = otherwise.shape[1]
    sums = torch.zeros(otherwise.shape, dtype=torch.float64)
    mass = torch.zeros_like(sums)
    for rows in _known(weight):
        own, heavy = target[rows].double(), weight[rows].double().unsqueeze(1)
        for values, of_part in zip(own.split(width, 1), slots(rows), strict=False):
            columns = values.shape[1]
            sums[:, :columns].index_add_(0, of_part, heavy * values)
            mass[:, :columns].index_add_(0, of_part, heavy.expand_as(values))
    means = sums / mass.clamp(min=torch.finfo(torch.float64).tiny)
    return means.to(otherwise.dtype).where(mass > 0, otherwise)


def _known(weight: Tensor) -> Iterator[Tensor]:
    """Yield the rows of positive weight, a chunk at a time."""
    yield from (weight > 0).nonzero().squeeze(1).split(CHUNK)


def _features(slots: list[Tensor], m: int) -> csr_array:
    """Return how often each row uses each shared row, shape [n, m]."""
    n = len(slots[0])
    rows = np.tile(np.arange(n), len(slots))
    return coo_array((np.ones(len(rows)), (rows, torch.cat(slots).numpy())), shape=(n, m)).tocsr()
