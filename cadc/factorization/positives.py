"""Implicit feedback: the distinct pairs with label 1 and their numbers of occurrences."""

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.errors import DataError
from cadc.factorization.examples import Examples


def positive_pairs(examples: Examples, n_second: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return first ids, second ids (int64, shape [n]) and counts (float32, shape [n]) of distinct pairs with label 1.

    Parameters
    ----------
    examples : rows with any labels.
    n_second : number of values of the second field.

    Raises
    ------
    DataError : if no row has label 1.
    """
    kept = examples.positives()
    if not len(kept):
        raise DataError(
            "no row to factorise has label 1; implicit feedback consists of such rows. Lower data.threshold "
            "or choose other data."
        )
    # Several times as fast as torch.unique.
    found, numbers = np.unique((kept.ids[0].long() * n_second + kept.ids[1]).numpy(), return_counts=True)
    keys, counts = torch.from_numpy(found), torch.from_numpy(numbers)
    return keys // n_second, keys % n_second, counts.float()


def sparse_matrix(first: Tensor, second: Tensor, values: Tensor, shape: tuple[int, int]) -> csr_array:
    """Return a sparse float32 matrix; values at the same position are summed."""
    return csr_array((values.numpy(), (first.numpy(), second.numpy())), shape=shape, dtype="float32")
