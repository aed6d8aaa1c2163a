"""Many least-squares problems at once by conjugate gradients, on sparse rows that are never copied."""

import warnings

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from cadc.data.grouping import grouped_order


class SparseRows:
    """Distinct pairs with weights, grouped by their first id; the second ids have vectors y.

    Parameters
    ----------
    first, second : ids of each pair, int64, shape [n].
    weights : w, float, shape [n].
    shape : number of first and of second ids.
    """

    def __init__(self, first: Tensor, second: Tensor, weights: Tensor, shape: tuple[int, int]) -> None:
        counts = torch.bincount(first, minlength=shape[0])
        order = torch.from_numpy(grouped_order(first.numpy(), counts.numpy()).astype(np.int64))
        self.second, self.weights = second[order].int(), weights[order]
        self.offsets = torch.nn.functional.pad(counts.cumsum(0), (1, 0)).int()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            self._pattern = torch.sparse_csr_tensor(
                self.offsets, self.second, torch.zeros_like(self.weights), shape, check_invariants=False
            )

    def sums(self, values: Tensor, vectors: Tensor) -> Tensor:
        """Return Σ_l value_l y_l over the pairs of each first id, shape [m, k].

        Parameters
        ----------
        values : a number for each pair, shape [n].
        vectors : y, shape [number of second ids, k].
        """
        return embedding_bag(
            self.second, vectors, self.offsets, mode="sum", per_sample_weights=values, include_last_offset=True
        )

    def products(self, x: Tensor, vectors: Tensor) -> Tensor:
        """Return x·y of each pair, shape [n]; x has shape [m, k]."""
        return torch.sparse.sampled_addmm(self._pattern, x, vectors.T, beta=0.0).values()


def conjugate_gradients(
    gram: Tensor, rows: SparseRows, vectors: Tensor, target: Tensor, start: Tensor, n_steps: int
) -> Tensor:
    """Return approximate solutions x of (gram + Σ_l w_l y_l y_lᵀ) x = target for m values, shape [m, k].

    Parameters
    ----------
    gram : shape [k, k], symmetric.
    rows : the pairs of each value with their weights w.
    vectors : y of each second id, shape [number of second ids, k].
    target : shape [m, k].
    start : first guess, shape [m, k].
    n_steps : number of steps.
    """

    def times(x: Tensor) -> Tensor:
        return rows.sums(rows.weights * rows.products(x, vectors), vectors).addmm_(x, gram)

    found = start.clone()
    residual = target - times(found)
    direction, norm = residual.clone(), residual.square().sum(1)
    for _ in range(n_steps):
        image = times(direction)
        length = (direction * image).sum(1)
        # Values that are already solved have no direction left.
        step = torch.where(length > 0, norm / length.clamp_min(1e-30), 0.0)[:, None]
        found.addcmul_(step, direction)
        residual.addcmul_(step, image, value=-1)
        new_norm = residual.square().sum(1)
        ratio = torch.where(norm > 0, new_norm / norm.clamp_min(1e-30), 0.0)[:, None]
        direction.mul_(ratio).add_(residual)
        norm = new_norm
    return found
