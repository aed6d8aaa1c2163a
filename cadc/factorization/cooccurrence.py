"""Factors from how often values of any fields occur in the same row: shifted positive PMI (Levy and Goldberg 2014)."""

import time
from collections.abc import Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array
from scipy.sparse.linalg import eigsh
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import DataError, UsageError, require_at_least, require_positive
from cadc.factorization.examples import reset_absent
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors, Kind
from cadc.factorization.incidence import row_incidence
from cadc.factorization.solvers.randomized_svd import truncated_svd
from cadc.randomness import numpy_generator

PIECE = 1 << 17
"""Rows that are counted at once."""


class CoOccurrence(Factorization):
    """Vectors whose products tell how much more often than by chance two values co-occur; biases are log-odds.

    For values i and j of different fields, M_ij = max(0, ln(n_ij n / (n_i n_j)) - ln shift). Of the n rows, n_i hold i
    and n_ij hold both; the values of a bag share its row. For two fields, the vectors are the singular vectors of M
    times √S. For more fields, they are the eigenvectors of the symmetric matrix of all pairs of fields that belong to
    its largest eigenvalues λ, times √λ; no other vectors have products nearer to M. The vectors do not depend on the
    labels, and the scores are not logits.

    Parameters
    ----------
    dim : length of the vectors; None takes the length that the initialiser needs.
    fields : names of at least two fields to factorise; None takes all.
    shift : the k of shifted PMI; 1 shifts nothing.
    min_count : pairs of values with fewer common rows count as never co-occurring, which bounds memory too.
    prior_rows : number of rows with the log's share of label 1 that smooth the log-odds of each value.
    power_iterations : power iterations of the randomised decomposition for two fields.
    seed : seed of the decomposition, see `Factorization`.
    """

    kind: ClassVar[Kind] = "score"

    def __init__(
        self,
        dim: int | None = None,
        fields: tuple[str, ...] | None = None,
        shift: float = 1.0,
        min_count: float = 1.0,
        prior_rows: float = 10.0,
        power_iterations: int = 4,
        seed: int | None = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, min_count=min_count, power_iterations=power_iterations)
        require_positive("factorization", shift=shift, prior_rows=prior_rows)
        if fields is not None and len(set(fields)) < 2:
            raise UsageError(
                f"factorization.fields is [{', '.join(fields)}]; name at least two fields, or set it to null."
            )
        self.dim, self.fields, self.shift, self.min_count = dim, fields, shift, min_count
        self.prior_rows, self.power_iterations, self.seed = prior_rows, power_iterations, seed

    def fit(
        self, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log, see `Factorization.fit`.

        Returns
        -------
        factors : factors whose `logits` are scores.
        cost : `seconds` and `epochs` (1).

        Raises
        ------
        DataError : if the log has fewer than two fields, or lacks one that is named.
        """
        started = time.perf_counter()
        names = [log.schema[name].name for name in self.fields or [field.name for field in log.schema.fields]]
        if len(names) < 2:
            raise DataError(
                f"{log.meta['name']} has {len(names)} fields; factorization=cooccurrence needs two or more."
            )
        counts, pairs, positives = count(log, rows, names)
        matrices = {pair: self._pmi(meet, counts, pair, len(rows)) for pair, meet in pairs.items()}
        generator = numpy_generator(self.seed or 0, "factorize")
        if len(names) == 2:
            left, values, right = truncated_svd(matrices[0, 1], dim, self.power_iterations, generator)
            vectors: Sequence[NDArray[Any]] = [side * np.sqrt(values) for side in (left, right)]
        else:
            vectors = symmetric_vectors(matrices, [len(part) for part in counts], dim, generator)
        labels = log.labels(rows).double().numpy()
        base = self._log_odds(labels.sum(keepdims=True), np.array([len(rows)]), 0.5)
        share = float(labels.mean())
        biases = [self._log_odds(liked, n, share) - base for n, liked in zip(counts, positives, strict=True)]
        single = [name for name in names if not log.schema[name].bag]
        last = "item" if "item" in single else (single or names)[-1]
        factors = Factors(
            {
                name: torch.from_numpy(np.ascontiguousarray(part, np.float32))
                for name, part in zip(names, vectors, strict=True)
            },
            {name: torch.from_numpy(part.astype(np.float32)) for name, part in zip(names, biases, strict=True)},
            kind=self.kind,
        )
        factors.biases[last] += float(base[0])
        seen = {name: torch.from_numpy(part > 0) for name, part in zip(names, counts, strict=True)}
        reset_absent(factors, seen)
        return factors, {"seconds": time.perf_counter() - started, "epochs": 1}

    def _pmi(
        self, meet: csr_array, counts: Sequence[NDArray[np.float64]], pair: tuple[int, int], n_rows: int
    ) -> csr_array:
        """Return the shifted positive PMI of the values of two fields."""
        entries = meet.tocoo()
        first, second = counts[pair[0]][entries.row], counts[pair[1]][entries.col]
        pmi = np.log(entries.data * n_rows / (first * second)) - np.log(self.shift)
        kept = (pmi > 0) & (entries.data >= self.min_count)
        return csr_array((pmi[kept].astype(np.float32), (entries.row[kept], entries.col[kept])), shape=meet.shape)

    def _log_odds(
        self, positives: NDArray[np.float64], counts: NDArray[np.float64], share: float
    ) -> NDArray[np.float64]:
        share = min(max(share, 1e-6), 1 - 1e-6)
        odds = (positives + self.prior_rows * share) / (counts - positives + self.prior_rows * (1 - share))
        return np.log(odds)


def count(
    log: InteractionLog, rows: Tensor, names: Sequence[str]
) -> tuple[list[NDArray[np.float64]], dict[tuple[int, int], csr_array], list[NDArray[np.float64]]]:
    """Count the rows of each value, of each pair of values of two fields, and of each value with label 1.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int32 or int64, shape [n].
    names : names of the fields.

    Returns
    -------
    counts : number of rows of each value, for each field, shape [vocabulary size].
    pairs : number of common rows of the values of two fields, by the positions of the fields in `names`.
    positives : number of rows with label 1 of each value, for each field, shape [vocabulary size].
    """
    sizes = [log.schema[name].vocabulary_size for name in names]
    counts = [np.zeros(size) for size in sizes]
    positives = [np.zeros(size) for size in sizes]
    pairs = {(a, b): csr_array((sizes[a], sizes[b])) for a, b in combinations(range(len(names)), 2)}
    for part in rows.split(PIECE):
        shares = [row_incidence(log, part, name).astype(np.float64) for name in names]
        labels = log.labels(part).double().numpy()
        transposed = [share.T.tocsr() for share in shares]
        for place, matrix in enumerate(transposed):
            counts[place] += matrix.sum(1)
            positives[place] += matrix @ labels
        for a, b in pairs:
            pairs[a, b] = pairs[a, b] + transposed[a] @ shares[b]
    return counts, pairs, positives


def symmetric_vectors(
    matrices: dict[tuple[int, int], csr_array], sizes: Sequence[int], dim: int, generator: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Return the vectors whose products are nearest to the symmetric matrix of all pairs of fields.

    Parameters
    ----------
    matrices : blocks above the diagonal, by the positions of two fields; blocks on the diagonal are zero.
    sizes : number of values of each field.
    dim : length of the vectors; columns beyond the number of values, or of positive eigenvalues, are zero.
    generator : draws the start of the Lanczos iteration.

    Returns
    -------
    Vectors of each field, shape [n values, dim].
    """
    n_fields, total = len(sizes), sum(sizes)
    blocks: list[list[csr_array | None]] = [[None] * n_fields for _ in range(n_fields)]
    for place, size in enumerate(sizes):
        blocks[place][place] = csr_array((size, size))
    for (a, b), matrix in matrices.items():
        blocks[a][b], blocks[b][a] = matrix, matrix.T
    whole = block_array(blocks, format="csr", dtype=np.float64)
    found = min(dim, total)
    if not found or not whole.nnz:
        vectors = np.zeros((total, dim))
    else:
        if found < total - 1:
            values, vectors = eigsh(whole, found, which="LA", v0=generator.standard_normal(total))
        else:
            values, vectors = np.linalg.eigh(whole.toarray())
        largest = np.argsort(-values)[:found]
        vectors = vectors[:, largest] * np.sqrt(values[largest].clip(0))
        vectors = np.pad(vectors, ((0, 0), (0, dim - found)))
    return np.split(vectors, np.cumsum(sizes)[:-1])
