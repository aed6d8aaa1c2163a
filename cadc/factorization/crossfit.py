"""Cross-fitting: each training row has factors that were fitted without it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.grouping import PART_ROWS
from cadc.data.log import InteractionLog
from cadc.errors import UsageError
from cadc.factorization.factors import Factors

Unit = Literal["row", "pair"]
"""What is kept from a factorisation together: single rows, or all rows of a pair of user and item."""


@dataclass(frozen=True)
class CrossFitted:
    """Factors of a cross-fitted training part.

    Parameters
    ----------
    parts : `parts[k]` was fitted to all training rows except those of fold k.
    fold : fold of each training row, int64, shape [n]. Validation and test rows are in no fold; their logit is the mean
        of the parts' logits.
    """

    parts: tuple[Factors, ...]
    fold: Tensor

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the factorised fields."""
        return self.parts[0].fields

    @property
    def dim(self) -> int:
        """Length of the vectors, without biases."""
        return self.parts[0].dim

    def aligned(self) -> tuple[Factors, ...]:
        """Return the parts in the basis of the first one, so that their vectors can be compared.

        The vectors of all fields of a part are multiplied by one orthogonal matrix, the solution of the Procrustes
        problem of the stacked vectors (Schönemann 1966). This leaves all products as they are.
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
    """Return the number of the pair of user and item of each training row, from 0 on, int64, shape [n].

    In a log without users or items, every row has a number of its own.
    """
    if not _has_pairs(log):
        return np.arange(log.n_rows("train"))
    pairs = log.column("user", "train").astype(np.int64) * log.n_entities("item") + log.column("item", "train")
    return np.unique(pairs, return_inverse=True)[1]


def _has_pairs(log: InteractionLog) -> bool:
    return {"user", "item"} <= set(log.entities)


def complement(log: InteractionLog, sample: Tensor, unit: Unit) -> Tensor:
    """Return the numbers of the training rows outside a sample, ascending, shape [m].

    Parameters
    ----------
    log : the log.
    sample : numbers of training rows, shape [n].
    unit : with `pair`, all rows whose pair of user and item is in the sample are left out, too. In a log without users
        or items there are none.
    """
    if unit == "pair" and _has_pairs(log):
        return _rows_of_other_pairs(log, sample)
    rows = log.rows("train")
    is_other = torch.ones(len(rows), dtype=torch.bool)
    is_other[sample] = False
    return rows[is_other]


def _rows_of_other_pairs(log: InteractionLog, sample: Tensor) -> Tensor:
    rows = log.rows("train")
    users, n_items = log.entity_rows("user", sample), log.n_entities("item")
    sampled = torch.unique(users.long() * n_items + log.entity_rows("item", sample))
    is_user = torch.zeros(log.n_entities("user"), dtype=torch.bool)
    is_user[users] = True
    kept = []
    for part in rows.split(PART_ROWS):
        users = log.entity_rows("user", part)
        # Few users are in a small sample, and only their pairs are looked up.
        asked = is_user[users].nonzero()[:, 0]
        pairs = users[asked].long() * n_items + log.entity_rows("item", part[asked])
        places = torch.searchsorted(sampled, pairs).clamp_(max=len(sampled) - 1)
        is_other = torch.ones(len(part), dtype=torch.bool)
        is_other[asked] = sampled[places] != pairs
        kept.append(part[is_other])
    return torch.cat(kept)


def assign_folds(log: InteractionLog, n_folds: int, unit: Unit, generator: np.random.Generator) -> Tensor:
    """Return the fold of each training row, int64, shape [n].

    Parameters
    ----------
    log : the log.
    n_folds : number of folds.
    unit : with `pair`, rows of the same user and item share a fold.
    generator : deals the rows, or pairs.

    Raises
    ------
    UsageError : if there are fewer than two folds, or more folds than rows, or pairs.
    """
    group = number_pairs(log) if unit == "pair" else np.arange(log.n_rows("train"))
    n_groups = int(group.max()) + 1
    if not 2 <= n_folds <= n_groups:
        units = "different pairs of user and item among the training rows" if unit == "pair" else "training rows"
        raise UsageError(f"factorization_folds is {n_folds}; it must be from 2 to {n_groups}, the number of {units}.")
    return torch.from_numpy((generator.permutation(n_groups) % n_folds)[group])
