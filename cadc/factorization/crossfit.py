"""Cross-fitting: each training row has factors that were fitted without it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import UsageError
from cadc.factorization.factors import Factors


@dataclass(frozen=True)
class CrossFitted:
    """Factors of several folds of the training part.

    Parameters
    ----------
    parts : `parts[k]` was fitted on all training rows but those of fold k.
    fold : of each training row, int64, shape [n]. A row that no fold holds (validation, test) is scored by the mean of
        the parts' logits.
    """

    parts: tuple[Factors, ...]
    fold: Tensor

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the factorised fields."""
        return self.parts[0].fields

    @property
    def dim(self) -> int:
        """Length of the vectors, biases not counted."""
        return self.parts[0].dim

    def aligned(self) -> tuple[Factors, ...]:
        """Return the parts turned into the basis of the first one, where their vectors can be compared.

        One orthogonal map for all fields of a part, the solution of the Procrustes problem on their stacked vectors
        (Schönemann 1966), leaves all its products as they were.
        """
        target = _stacked(self.parts[0])
        turned = [self.parts[0]]
        for part in self.parts[1:]:
            left, _, right = torch.linalg.svd(_stacked(part).T @ target)
            turn = (left @ right).float()
            turned.append(part.with_vectors({name: vectors @ turn for name, vectors in part.vectors.items()}))
        return tuple(turned)


def _stacked(factors: Factors) -> Tensor:
    return torch.cat([vectors for _, vectors in sorted(factors.vectors.items())]).double()


def number_pairs(log: InteractionLog) -> NDArray[np.int64]:
    """Return a number for each training row, the same for rows of the same user and item, counted from 0, shape [n].

    A log without users and items has a number for every row.
    """
    if not {"user", "item"} <= set(log.entities):
        return np.arange(log.n_rows("train"))
    pairs = log.column("user", "train").astype(np.int64) * log.n_entities("item") + log.column("item", "train")
    return np.unique(pairs, return_inverse=True)[1]


def assign_folds(log: InteractionLog, n_folds: int, generator: np.random.Generator) -> Tensor:
    """Return the fold of each training row, int64, shape [n]; rows of the same user and item share a fold.

    Raises
    ------
    UsageError : for fewer than two folds, or more than there are rows to divide.
    """
    group = number_pairs(log)
    n_groups = int(group.max()) + 1
    if not 2 <= n_folds <= n_groups:
        raise UsageError(
            f"factorization_folds is {n_folds}; it must lie between 2 and {n_groups}, the number of different "
            "training rows."
        )
    return torch.from_numpy((generator.permutation(n_groups) % n_folds)[group])
