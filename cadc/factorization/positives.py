"""Pairs that occur with label 1, each once, with how often: what implicit feedback consists of."""

import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.errors import DataError
from cadc.factorization.examples import Examples


def positive_pairs(examples: Examples, n_second: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return first ids, second ids (int64, shape [n]) and counts (float32, shape [n]) of the distinct positive pairs.

    Parameters
    ----------
    examples : rows with any labels.
    n_second : number of values of the second field.

    Raises
    ------
    DataError : where no row has label 1.
    """
    kept = examples.positives()
    if not len(kept):
        raise DataError("no row to factorise has label 1, and implicit feedback consists of these.")
    keys, counts = torch.unique(kept.ids[0] * n_second + kept.ids[1], return_counts=True)
    return keys // n_second, keys % n_second, counts.float()


def sparse_matrix(first: Tensor, second: Tensor, values: Tensor, shape: tuple[int, int]) -> csr_array:
    """Return a float32 matrix with these entries; entries of the same place are added up."""
    return csr_array((values.numpy(), (first.numpy(), second.numpy())), shape=shape, dtype="float32")
