"""Deep hash embedding (DHE, Kang et al., KDD 2021): many hashes of an id go through a network; there is no table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any, Literal

import torch
from torch import Tensor

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.hashes import multipliers, uniform
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.fitting.regression import Points, regress
from cadc.embeddings.fitting.subnetworks import NetworkShape, SubNetworks
from cadc.errors import require_at_least, require_positive

PART = 4096
"""Rows whose hashes are held at a time, and rows of a step of a projection."""
SEEDS = 1 << 31
MOST = 1024
"""Hashes that a width stands for at most, as in the paper."""


class DeepHashTable(EmbeddingTable):
    """Row v is network(h_1(v), ..., h_k(v)), universal hashes scaled to [-1, 1], by one network for all fields.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    hashes, seed : how many, and what they follow from.
    width, depth, activation : of the network, see `NetworkShape`.
    """

    a: Tensor
    b: Tensor

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        hashes: int,
        seed: int,
        width: int,
        depth: int,
        activation: Literal["mish", "relu"] = "mish",
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.hashes, self.seed = hashes, seed
        self.network = SubNetworks(1, NetworkShape(hashes, dim, width, depth), activation)
        a, b = multipliers(seed, hashes)
        self.register_buffer("a", a, persistent=False)
        self.register_buffer("b", b, persistent=False)
        self.fit_steps, self.fit_rate = 0, 0.003
        """Steps of Adam by which a projection begins, and the rate of the first."""

    def plan(self) -> dict[str, Any]:
        """Return hashes and shape of the network."""
        shape = self.network.shape
        return {
            "hashes": self.hashes,
            "seed": self.seed,
            "width": shape.width,
            "depth": shape.depth,
            "activation": self.network.activation,
        }

    def flops(self) -> int:
        """Return the floating-point operations of looking up one id; its hashes are left out."""
        return self.network.shape.flops

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows; each different row goes through the network once."""
        different, place = torch.unique(rows, return_inverse=True)
        parts = [self.network(self._encoded(part))[0] for part in different.split(PART)]
        found = torch.cat(parts) if parts else self.network.weights.new_zeros(0, self.dim)
        return rows_of(found, place)

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from He's weights, the last layer scaled."""
        self.network.reset(generator)
        some = torch.linspace(0, self.n_rows - 1, min(self.n_rows, PART)).long()
        self.network.scale_outputs(self._encoded(some), std)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from a regression: least squares of the last layer, `fit_steps` of Adam, and least squares again."""
        generator = torch.Generator().manual_seed(self.seed)
        cumulated = weight.double().cumsum(0)
        known = weight.nonzero().squeeze(1)

        def points(rows: Tensor, weights: Tensor) -> Points:
            return self._encoded(rows), target[rows].unsqueeze(0), weights.unsqueeze(0)

        all_at_once = points(known, weight[known]) if len(known) <= PART else None

        def everything() -> Iterator[Points]:
            if all_at_once is not None:
                yield all_at_once
                return
            for rows in known.split(PART):
                yield points(rows, weight[rows])

        def draw() -> Points:
            if all_at_once is not None:
                return all_at_once
            # By weight, so that in the mean all errors count by theirs.
            at = torch.rand(PART, generator=generator, dtype=torch.float64) * cumulated[-1]
            rows = torch.searchsorted(cumulated, at, right=True).clamp(max=self.n_rows - 1)
            return points(rows, torch.ones(len(rows)))

        regress(self.network, everything, draw, self.fit_steps, self.fit_rate)

    def _encoded(self, rows: Tensor) -> Tensor:
        return uniform(rows, self.a, self.b).unsqueeze(0)


@dataclass(kw_only=True, eq=False)
class DeepHash(Compressed):
    """Deep hash embedding.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    hashes : of each id; None takes as many as the network is wide, and at most 1024.
    depth : matrices of width × width; the width follows from the budget.
    activation : of the network; the literature has both.
    steps : of Adam, by which a dense target is projected.
    learning_rate : of these.
    """

    table_class = DeepHashTable

    hashes: int | None = None
    depth: int = 1
    activation: Literal["mish", "relu"] = "mish"
    steps: int = 500
    learning_rate: float = 0.003

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(0, "embedding", depth=self.depth, steps=self.steps)
        if self.hashes is not None:
            require_at_least(1, "embedding", hashes=self.hashes)
        require_positive("embedding", learning_rate=self.learning_rate)

    def table(self, spec: TableSpec) -> DeepHashTable:
        """Return the table with the widest network."""
        seed = spec.draw(SEEDS)

        def plan_at(width: int) -> dict[str, Any]:
            hashes = min(width, MOST) if self.hashes is None else self.hashes
            return {
                "hashes": hashes,
                "seed": seed,
                "width": width,
                "depth": self.depth,
                "activation": self.activation,
            }

        def bytes_at(width: int) -> int:
            plan = plan_at(width)
            count = NetworkShape(plan["hashes"], self.dim, width, self.depth).weights
            shapes = {"network.weights": (torch.float32, (1, count))}
            return size_of(DeepHashTable, spec.fields, self.dim, spec.centred, plan, shapes)

        # Without a budget, about as many numbers as the full table has.
        highest = spec.n_rows * self.dim if spec.budget is not None else max(1, isqrt(spec.n_rows * self.dim))
        width = largest_within(spec.budget, bytes_at, 1, highest, "units of width")
        table = DeepHashTable(spec.fields, self.dim, **plan_at(width), centred=spec.centred)
        table.fit_steps, table.fit_rate = self.steps, self.learning_rate
        return table
