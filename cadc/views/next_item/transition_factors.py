"""Vectors of items whose products tell which of them follow one another."""

import time
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.errors import require_at_least, require_positive
from cadc.factorization.examples import pair_factors, require_pair
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors, Kind
from cadc.factorization.solvers.randomized_svd import truncated_svd
from cadc.randomness import numpy_generator
from cadc.views.histories import KnownRows
from cadc.views.next_item.decayed import require_decay
from cadc.views.next_item.transitions import successors


class TransitionFactors(Factorization):
    """Factors of the positive PMI of items that are near one another in histories (Levy and Goldberg, NIPS 2014).

    With n_ij the sum of 1 / distance over all rows in which a user took i and j, in either order, within `window`
    items, M_ij = max(0, ln(n_ij n / (n_i n_j)) - ln shift). Items have the singular vectors of M times √S, as models
    of sequences start from, and the logarithm of their share as bias. A user has the mean of the vectors of the items
    taken, each weighed by `decay` to the power of the number of items after it. Rows with label 1 count, in order of
    time.

    Parameters
    ----------
    dim : length of the vectors; None takes the length that the initialiser needs.
    window : largest distance that counts.
    decay : factor by which an item of a user counts less for each item after it.
    shift : the k of shifted PMI; 1 shifts nothing.
    power_iterations : power iterations of the randomised decomposition.
    seed : seed of the decomposition, see `Factorization`.

    Raises
    ------
    UsageError : for options outside their range.
    """

    kind: ClassVar[Kind] = "score"

    def __init__(
        self,
        dim: int | None = None,
        window: int = 5,
        decay: float = 0.8,
        shift: float = 1.0,
        power_iterations: int = 4,
        seed: int | None = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, power_iterations=power_iterations)
        require_at_least(1, "factorization", window=window)
        require_positive("factorization", shift=shift)
        require_decay("factorization", decay)
        self.dim, self.window, self.decay, self.shift = dim, window, decay, shift
        self.power_iterations, self.seed = power_iterations, seed

    def fit(
        self, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log, see `Factorization.fit`.

        Returns
        -------
        factors : factors whose `logits` are scores.
        cost : `seconds` and `epochs` (power iterations).

        Raises
        ------
        DataError : if the log lacks the field `user` or `item`.
        """
        started = time.perf_counter()
        fields = require_pair(None, log)
        n_users, n_items = (log.schema[name].vocabulary_size for name in ENTITY_FIELDS)
        taken = KnownRows.of_rows(log, rows[log.labels(rows) > 0]).arrays
        first, items = taken["first"].numpy(), taken["items"].numpy()
        left, values, right = truncated_svd(
            self._pmi(successors(first, items, n_items, self.window)),
            dim,
            self.power_iterations,
            numpy_generator(self.seed or 0, "factorize"),
        )
        lengths = np.diff(first)
        owners = np.repeat(np.arange(n_users), lengths)
        weights = np.float32(self.decay) ** (first[1:][owners] - 1 - np.arange(len(items)))
        history = csr_array((weights, (owners, items)), shape=(n_users, n_items))
        history.data /= np.repeat(np.maximum(history.sum(1), 1e-12), np.diff(history.indptr)).astype(np.float32)
        shares = (torch.bincount(taken["items"], minlength=n_items).double() + 1) / (len(items) + n_items)
        vectors = [torch.from_numpy(history @ (right * values**0.5)), torch.from_numpy(left * values**0.5)]
        present = (torch.from_numpy(owners), taken["items"].long())
        factors = pair_factors(fields, present, vectors, [torch.zeros(n_users), shares.log()], kind=self.kind)
        return factors, {"seconds": time.perf_counter() - started, "epochs": self.power_iterations}

    def _pmi(self, counts: csr_array) -> csr_array:
        """Return the shifted positive PMI of counts of successors, which are taken in either order."""
        both = (counts + counts.T).tocoo()
        sums = both.sum(0)
        pmi = np.log(both.data * sums.sum() / (sums[both.row] * sums[both.col])) - np.log(self.shift)
        kept = pmi > 0
        return csr_array((pmi[kept].astype(np.float32), (both.row[kept], both.col[kept])), shape=both.shape)
