"""Truncated singular value decomposition of the matrix of labels, or of positive pairs."""

import time
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import require_at_least
from cadc.factorization.examples import Examples, pair_factors, read_examples, require_both_labels, require_pair
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors, Kind
from cadc.factorization.positives import positive_pairs, sparse_matrix
from cadc.factorization.solvers.randomized_svd import truncated_svd
from cadc.randomness import numpy_generator


class SVD(Factorization):
    """Truncated SVD U S Vᵀ of a matrix whose missing entries are zero; the vectors are U √S and V √S.

    Its scores order items, but are not logits. For `implicit` feedback, the entry of a pair that occurs with label 1 is
    1 (PureSVD, Cremonesi, Koren and Turrin 2010). For `explicit` feedback, it is the mean label of the pair less the
    mean label μ and shrunken biases: b_v = Σ (y - μ) / (n_v + shrinkage), and b_u likewise from what is left.

    Parameters
    ----------
    dim : number of singular vectors; None takes the number that the initialiser needs.
    feedback : `implicit` or `explicit`, see above.
    shrinkage : number of rows with label μ that are added to those of each value to shrink its bias.
    power_iterations : power iterations of the randomised decomposition.
    fields : names of the two fields to factorise; None takes `user` and `item`.
    seed : seed of the random projection, see `Factorization`.
    """

    kind: ClassVar[Kind] = "score"

    def __init__(
        self,
        dim: int | None = None,
        feedback: Literal["explicit", "implicit"] = "implicit",
        shrinkage: float = 10.0,
        power_iterations: int = 4,
        fields: tuple[str, ...] | None = None,
        seed: int | None = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, shrinkage=shrinkage, power_iterations=power_iterations)
        require_pair(fields)
        self.dim, self.feedback, self.shrinkage = dim, feedback, shrinkage
        self.power_iterations, self.fields, self.seed = power_iterations, fields, seed

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
        DataError : if the log lacks one of the fields, a field is a bag, no row has label 1, or explicit labels
            are all the same.
        """
        started = time.perf_counter()
        fields = require_pair(self.fields, log)
        sizes = [log.schema[name].vocabulary_size for name in fields]
        examples = read_examples(log, fields, rows)
        biases, mean = [torch.zeros(size) for size in sizes], 0.0
        if self.feedback == "implicit":
            first, second, counts = positive_pairs(examples, sizes[1])
            examples = Examples((first, second), torch.ones_like(counts))
        else:
            require_both_labels(examples.labels, "set factorization.feedback=implicit")
            mean = float(examples.labels.double().mean())
            biases, examples = self._centred(examples, mean, sizes)
        matrix = sparse_matrix(*examples.ids, examples.labels, (sizes[0], sizes[1]))
        generator = numpy_generator(self.seed or 0, "factorize")
        left, values, right = truncated_svd(matrix, dim, self.power_iterations, generator)
        vectors = [torch.from_numpy(side * values**0.5) for side in (left, right)]
        factors = pair_factors(fields, examples.ids, vectors, biases, mean, kind=self.kind)
        return factors, {"seconds": time.perf_counter() - started, "epochs": self.power_iterations}

    def _centred(self, examples: Examples, mean: float, sizes: list[int]) -> tuple[list[Tensor], Examples]:
        """Return the biases of both fields, and the distinct pairs with the mean of their labels less these biases."""
        rest = examples.labels.double() - mean
        biases = [torch.zeros(size, dtype=torch.float64) for size in sizes]
        for place in (1, 0):
            ids = examples.ids[place]
            counts = torch.bincount(ids, minlength=sizes[place]) + self.shrinkage
            biases[place] = torch.bincount(ids, rest, minlength=sizes[place]) / counts.clamp_min(1)
            rest = rest - biases[place][ids]
        keys, pair = torch.unique(examples.ids[0] * sizes[1] + examples.ids[1], return_inverse=True)
        means = torch.bincount(pair, rest, minlength=len(keys)) / torch.bincount(pair, minlength=len(keys))
        return [bias.float() for bias in biases], Examples((keys // sizes[1], keys % sizes[1]), means.float())
