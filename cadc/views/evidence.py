"""Evidence: the training rows that views are fitted on, read once for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.factorization.factors import Factors
from cadc.views.shrunk_biases import ShrunkBiases, shrunk_biases

Costs = dict[str, dict[str, float]]
"""`seconds` and `epochs` of factorisations, by their key in the cache."""

Of = Literal["label", "rating"]
"""What a view explains: the label, or the raw rating that the label was made of."""


@dataclass
class Evidence:
    """Training rows, and what several views ask of them.

    Parameters
    ----------
    log : the log.
    rows : numbers of the training rows that are read, ascending, int32 or int64, shape [n].
    fit : fits the run's factorisation to the same rows of a log, which may have other labels; it returns the factors
        and their cost. None where the run has none.

    Attributes
    ----------
    factorizations : cost of the factorisations that were asked for.
    seconds_in_factorizations : seconds that passed in them, which are not a view's own.
    """

    log: InteractionLog
    rows: Tensor
    fit: Callable[[InteractionLog], tuple[Factors, Costs]] | None = None

    def __post_init__(self) -> None:
        self.factorizations: Costs = {}
        self.seconds_in_factorizations = 0.0

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def users(self) -> Tensor:
        """Ids of the field `user`, int64, shape [n]; 0 is *unknown*."""
        return self.log.field_ids(ENTITY_FIELDS[0], self.rows).long()

    @cached_property
    def items(self) -> Tensor:
        """Ids of the field `item`, int64, shape [n]; 0 is *unknown*."""
        return self.log.field_ids(ENTITY_FIELDS[1], self.rows).long()

    @property
    def n_users(self) -> int:
        """Size of the vocabulary of the field `user`."""
        return self.log.schema[ENTITY_FIELDS[0]].vocabulary_size

    @property
    def n_items(self) -> int:
        """Size of the vocabulary of the field `item`."""
        return self.log.schema[ENTITY_FIELDS[1]].vocabulary_size

    @cached_property
    def labels(self) -> Tensor:
        """Labels, float32, shape [n]."""
        return self.log.labels(self.rows)

    @cached_property
    def ratings(self) -> Tensor:
        """Raw ratings, float32, shape [n]; see `has_ratings`."""
        return self.log.ratings(self.rows)

    @property
    def has_ratings(self) -> bool:
        """Whether the log has raw ratings, which say more than its labels."""
        return self.log.has_column("rating")

    @cached_property
    def times(self) -> Tensor:
        """Times, int64, shape [n], in ticks of the log."""
        return self.log.times(self.rows)

    @cached_property
    def user_counts(self) -> Tensor:
        """Rows of each user, int64, shape [n_users]."""
        return torch.bincount(self.users, minlength=self.n_users)

    @cached_property
    def item_counts(self) -> Tensor:
        """Rows of each item, int64, shape [n_items]."""
        return torch.bincount(self.items, minlength=self.n_items)

    def values(self, of: Of) -> Tensor:
        """Return the labels or the ratings, float32, shape [n]."""
        return self.ratings if of == "rating" else self.labels

    def biases(self, of: Of, shrinkage: float = 5.0) -> ShrunkBiases:
        """Return the mean, and what users and items add to it; see `cadc.views.shrunk_biases`."""
        key = (of, shrinkage)
        if key not in self._biases:
            self._biases[key] = shrunk_biases(
                self.users, self.items, self.values(of), self.n_users, self.n_items, shrinkage
            )
        return self._biases[key]

    @cached_property
    def _biases(self) -> dict[tuple[Of, float], ShrunkBiases]:
        return {}

    def residuals(self, of: Of, shrinkage: float = 5.0) -> Tensor:
        """Return what `biases` leave over of labels or ratings, float32, shape [n]."""
        return self.biases(of, shrinkage).residuals(self.users, self.items, self.values(of))

    def matrix(self, values: Tensor | None = None) -> csr_array:
        """Return users × items, float32, shape [n_users, n_items]; values of repeated pairs are added up.

        Rows of *unknown* users or items are left out: they are not one user's.

        Parameters
        ----------
        values : a number for each row, shape [n]; None counts rows.
        """
        known = (self.users > 0) & (self.items > 0)
        filled = torch.ones(len(self)) if values is None else values.float()
        pairs = self.users[known].numpy(), self.items[known].numpy()
        return csr_array((filled[known].numpy(), pairs), shape=(self.n_users, self.n_items), dtype=np.float32)

    @cached_property
    def factors(self) -> Factors:
        """The run's factorisation of these rows; for views with `needs_factors`."""
        return self._factorize(self.log)

    @cached_property
    def base(self) -> Tensor:
        """Logits, or scores, of the factorisation on its own rows, float32, shape [n]."""
        return self.factors.logits(self.log.plain, self.rows)

    def factorize(self, threshold: float) -> Factors:
        """Return the run's factorisation of these rows, whose labels say whether the rating reaches a threshold."""
        return self._factorize(self.log.relabelled(threshold))

    def _factorize(self, log: InteractionLog) -> Factors:
        assert self.fit is not None, "the view has needs_factors=False"
        start = perf_counter()
        factors, cost = self.fit(log)
        self.seconds_in_factorizations += perf_counter() - start
        self.factorizations |= cost
        return factors
