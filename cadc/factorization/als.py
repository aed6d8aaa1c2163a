"""Alternating least squares, for implicit feedback (Hu, Koren and Volinsky 2008) and for labels."""

import time
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN
from cadc.errors import require_at_least
from cadc.factorization.blocks import Block, blocks_of
from cadc.factorization.examples import Examples, pair_factors, read_examples, require_both_labels, require_pair
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors, Kind
from cadc.factorization.positives import positive_pairs
from cadc.factorization.solvers.conjugate_gradients import SparseRows, conjugate_gradients
from cadc.factorization.solvers.majorize import PART, cholesky
from cadc.factorization.warm_start import WarmStart
from cadc.randomness import torch_generator

CELLS = 1 << 13
"""Rows of a block, padding included: vectors are long here, and a block shall fit into the cache."""


class ALS(Factorization):
    """Alternating least squares; its scores order items, but are not logits.

    `implicit` minimises Σ_{u,i} c_ui (p_ui - u·v)² + l2 (Σ|u|² + Σ|v|²) over *all* pairs. For a pair that occurs r
    times with label 1, p = 1 and c = 1 + alpha·r; for all other pairs p = 0 and c = 1 (Hu, Koren and Volinsky 2008,
    eq. 3). There are no biases. `explicit` minimises Σ (y - μ - b_u - b_v - u·v)² over the rows, with the same penalty
    on vectors and biases; μ is the mean label.

    Parameters
    ----------
    dim : length of the vectors; None takes the length that the initialiser needs.
    feedback : `implicit` or `explicit`, see above.
    l2 : penalty on the squared norms of vectors (and biases).
    alpha : confidence that each occurrence of a pair adds.
    iterations : passes over both fields.
    cg_steps : for implicit feedback, steps of conjugate gradients from the last vectors (Takács, Pilászy and Tikk
        2011), which take a fraction of the time of a Cholesky solve; 0 solves exactly, as records do that name no
        steps. `factorization=als` takes 3.
    fields : names of the two fields to factorise; None takes `user` and `item`.
    init_std : standard deviation of the initial vectors.
    seed : seed of the initial vectors, see `Factorization`.
    """

    kind: ClassVar[Kind] = "score"
    goes_on: ClassVar[bool] = True

    def __init__(
        self,
        dim: int | None = None,
        feedback: Literal["implicit", "explicit"] = "implicit",
        l2: float = 10.0,
        alpha: float = 1.0,
        iterations: int = 8,
        cg_steps: int = 0,
        fields: tuple[str, ...] | None = None,
        init_std: float = 0.01,
        seed: int | None = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, l2=l2, alpha=alpha, cg_steps=cg_steps, init_std=init_std)
        require_at_least(1, "factorization", iterations=iterations)
        require_pair(fields)
        self.dim, self.feedback, self.l2, self.alpha = dim, feedback, l2, alpha
        self.iterations, self.cg_steps, self.fields = iterations, cg_steps, fields
        self.init_std, self.seed = init_std, seed

    def fit(
        self, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log, see `Factorization.fit`.

        Returns
        -------
        factors : factors whose `logits` are scores.
        cost : `seconds` and `epochs`.

        Raises
        ------
        DataError : if the log lacks one of the fields, a field is a bag, no row has label 1, or explicit labels
            are all the same.
        """
        return self._fitted(None, log, rows, dim)

    def fit_from(
        self, before: WarmStart, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows from earlier factors on, see `Factorization.fit_from`."""
        return self._fitted(before, log, rows, dim)

    def _fitted(
        self, before: WarmStart | None, log: InteractionLog, rows: Tensor, dim: int
    ) -> tuple[Factors, dict[str, float]]:
        started = time.perf_counter()
        fields = require_pair(self.fields, log)
        generator = torch_generator(self.seed or 0, "factorize")
        sizes = [log.schema[name].vocabulary_size for name in fields]
        examples = read_examples(log, fields, rows)
        mean = 0.0
        if self.feedback == "implicit":
            first, second, counts = positive_pairs(examples, sizes[1])
            examples = Examples((first, second), counts)
        else:
            require_both_labels(examples.labels, "set factorization.feedback=implicit")
            mean = float(examples.labels.double().mean())
            examples = Examples(examples.ids, examples.labels - mean)
        by_steps = self.feedback == "implicit" and self.cg_steps > 0
        sides = []
        for place, size in enumerate(sizes):
            ids, others = examples.ids[place], examples.ids[1 - place]
            vectors = self.init_std * torch.randn(size, dim, generator=generator)
            if before is not None:
                vectors = before.vectors(fields[place], vectors)
            side = _Side.start(ids, vectors)
            if before is not None and self.feedback == "explicit":
                side.biases[:-1] = before.biases(dict(zip(fields, sizes, strict=True)), fields[1])[0][fields[place]]
            if by_steps:
                shape = (len(side.vectors), sizes[1 - place] + 1)
                side.rows = SparseRows(ids, others, self.alpha * examples.labels, shape)
            else:
                side.blocks = _blocks(ids, others, examples.labels, size, sizes[1 - place])
            sides.append(side)
        update = self._improve_implicit if by_steps else self._update_implicit
        if self.feedback == "explicit":
            update = self._update_explicit
        iterations = self.iterations if before is None else before.passes(self.iterations)
        for _ in range(iterations):
            for place in (0, 1):
                update(sides[place], sides[1 - place])
        factors = pair_factors(
            fields,
            examples.ids,
            [side.vectors[:-1] for side in sides],
            [side.biases[:-1] for side in sides],
            mean,
            kind=self.kind,
        )
        return factors, {"seconds": time.perf_counter() - started, "epochs": iterations}

    def _update_implicit(self, side: "_Side", other: "_Side") -> None:
        """Solve (YᵀY + Σ alpha r y yᵀ + l2 I) x = Σ (1 + alpha r) y for each value (Hu et al., eq. 4)."""
        dim = other.vectors.shape[1]
        gram = _gram(other.vectors) + self.l2 * torch.eye(dim)
        for block, others, counts in side.blocks:
            shape = block.rows.shape
            met = other.vectors.index_select(0, others).view(*shape, dim)
            weights = self.alpha * counts.view(shape)
            target = torch.bmm((1 + weights)[:, None], met)[:, 0]
            hessian = torch.bmm((met * weights[..., None]).transpose(1, 2), met) + gram
            side.vectors[block.values] = torch.cholesky_solve(target[..., None], cholesky(hessian))[..., 0]
        side.vectors[UNKNOWN] = 0

    def _improve_implicit(self, side: "_Side", other: "_Side") -> None:
        """Take some steps of conjugate gradients towards the solutions of the same systems, from the last vectors."""
        assert side.rows is not None
        gram = _gram(other.vectors) + self.l2 * torch.eye(other.vectors.shape[1])
        target = side.rows.sums(1 + side.rows.weights, other.vectors)
        side.vectors = conjugate_gradients(gram, side.rows, other.vectors, target, side.vectors, self.cg_steps)
        side.vectors[UNKNOWN] = 0

    def _update_explicit(self, side: "_Side", other: "_Side") -> None:
        """Solve the ridge regression of each value's labels on the other field's vectors and a one for its bias."""
        dim = other.vectors.shape[1]
        for block, others, labels in side.blocks:
            shape = block.rows.shape
            is_row = (others < len(other.vectors) - 1).float().view(*shape, 1)
            met = torch.cat([other.vectors.index_select(0, others).view(*shape, dim), is_row], 2)
            rest = labels.view(shape) - other.biases.index_select(0, others).view(shape)
            target = torch.bmm(rest[:, None], met)[:, 0]
            penalties = torch.full_like(target, self.l2)
            penalties[block.values == UNKNOWN, :dim] = 1e9
            hessian = torch.bmm(met.transpose(1, 2), met)
            hessian.diagonal(dim1=1, dim2=2).add_(penalties)
            found = torch.cholesky_solve(target[..., None], cholesky(hessian))[..., 0]
            side.vectors[block.values], side.biases[block.values] = found[:, :dim], found[:, dim]


@dataclass
class _Side:
    """Vectors and biases of one field, whose last row is zero for padding, and its rows in blocks or sparse."""

    vectors: Tensor
    biases: Tensor
    blocks: list[tuple[Block, Tensor, Tensor]] = field(default_factory=list)
    rows: SparseRows | None = None

    @classmethod
    def start(cls, ids: Tensor, vectors: Tensor) -> "_Side":
        vectors = torch.cat([vectors, torch.zeros(1, vectors.shape[1])])
        vectors[torch.bincount(ids, minlength=len(vectors)) == 0] = 0
        vectors[UNKNOWN] = 0
        return cls(vectors, torch.zeros(len(vectors)))


def _gram(vectors: Tensor) -> Tensor:
    """Return YᵀY, shape [k, k], of vectors Y, shape [n, k]; see `PART` for the reason of its parts."""
    return torch.stack([part.T @ part for part in vectors.split(PART)]).sum(0)


def _blocks(
    ids: Tensor, others: Tensor, values: Tensor, n_values: int, n_others: int
) -> list[tuple[Block, Tensor, Tensor]]:
    """Return blocks of rows, each with the other field's ids and the values of its rows, flat."""
    others, values = torch.cat([others, torch.tensor([n_others])]).int(), torch.cat([values, torch.zeros(1)])
    blocks = blocks_of(ids, n_values, CELLS)
    flat = (block.rows.flatten() for block in blocks)
    return [
        (block, others.index_select(0, rows), values.index_select(0, rows))
        for block, rows in zip(blocks, flat, strict=True)
    ]
