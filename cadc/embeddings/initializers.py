"""What values the embedding tables start from."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from cadc.data.schema import UNKNOWN, Schema
from cadc.errors import UsageError, require_at_least
from cadc.factorization.factors import Factors

ENRICHED = ("user", "item")
"""The fields that a user-item factorisation describes, and that `freeze` keeps as they start."""


class RandomInitializer:
    """Every table starts from normal random values; *unknown* starts at zero.

    Parameters
    ----------
    std : standard deviation.
    freeze : keep the user and item tables as they start (a control: random vectors that tell users apart).
    """

    needs_factors = False
    extra_columns = 0

    def __init__(self, std: float = 0.05, freeze: bool = False) -> None:
        require_at_least(0, "initializer", std=std)
        self.std = std
        self.freeze = freeze

    def frozen_fields(self) -> Collection[str]:
        """Return the names of the fields that are not trained."""
        return ENRICHED if self.freeze else ()

    def targets(
        self,
        schema: Schema,
        dim: int,
        factors: Factors | None,
        generator: torch.Generator,
        seen: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the starting values of each field's table, float32, shape [vocabulary size, dim]."""
        tables = {}
        for field in schema.fields:
            tables[field.name] = self.std * torch.randn(field.vocabulary_size, dim, generator=generator)
            tables[field.name][UNKNOWN] = 0
        return tables


class MFInitializer(RandomInitializer):
    """User and item tables start from the factors, without the biases, as in CADC (arXiv 2407.08108).

    Parameters
    ----------
    std : standard deviation of the other tables.
    freeze : keep the enriched tables as they start (the paper's Init-Frz).
    """

    needs_factors = True

    def targets(
        self,
        schema: Schema,
        dim: int,
        factors: Factors | None,
        generator: torch.Generator,
        seen: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the starting values of each field's table, float32, shape [vocabulary size, dim]."""
        if factors is None or factors.dim != dim:
            found = None if factors is None else factors.dim
            raise UsageError(
                f"the factors have {found} columns and the table has {dim}: factorise with factorization.dim={dim}, "
                f"or set embedding.dim={found}."
            )
        return super().targets(schema, dim, factors, generator, seen) | factors.vectors
