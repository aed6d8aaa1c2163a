"""Base class of the schemes that store embedding tables, and the specification of one table."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from cadc.configuration.components import require_choices
from cadc.data.schema import Field
from cadc.distributed.ranks import Ranks
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.base.table import EmbeddingTable
from cadc.errors import UsageError, require_at_least

FLOAT32 = 4
"""Bytes of a number of an uncompressed table."""


@dataclass(frozen=True)
class TableSpec:
    """Specification of one table, from which a scheme makes it.

    Parameters
    ----------
    fields : the fields, single-valued and bags.
    budget : most bytes of the exported file; None for no limit.
    centred : whether the table stores each field's mean vector apart, for a start from a dense target.
    statistics : of all training rows.
    generator : of hash functions and the like.
    kept : columns, counted from the end (-1 the last), that hold biases and the like instead of parts of vectors,
        which every row should keep; by field.
    """

    fields: Sequence[Field]
    budget: int | None = None
    centred: bool = False
    statistics: Statistics = NOTHING_KNOWN
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))
    kept: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Rows of all fields together."""
        return sum(own.vocabulary_size for own in self.fields)

    def counts(self) -> torch.Tensor:
        """Return the number of training rows in which each value occurs, int64, shape [n_rows]; 1 if unknown."""
        known = self.statistics.counts
        ones = [torch.ones(own.vocabulary_size, dtype=torch.int64) for own in self.fields]
        return torch.cat([known.get(own.name, one) for own, one in zip(self.fields, ones, strict=True)])

    def draw(self, high: int, low: int = 0) -> int:
        """Return a random whole number in [low, high), such as the seed of a hash function."""
        return int(torch.randint(low, high, (), generator=self.generator))


@dataclass(kw_only=True, eq=False)
class Scheme(ABC):
    """Makes embedding tables.

    Parameters
    ----------
    dim : columns of the vectors.
    """

    table_class: ClassVar[type[EmbeddingTable]]
    """Class of the tables."""
    is_compressing: ClassVar[bool] = True
    """Whether tables are stored in another form than float32 vectors."""
    needs_statistics: ClassVar[bool] = True
    """Whether tables depend on how often values occur in the training rows."""

    dim: int = 16
    ratio: float | None = field(default=None, init=False, repr=False)
    budget: int | None = field(default=None, init=False, repr=False)
    small: int = field(default=0, init=False, repr=False)
    ranks: Ranks | None = field(default=None, init=False, repr=False)
    """Ranks that share the rows of each table; None where each process holds all of them."""

    def __post_init__(self) -> None:
        """Check the options."""
        require_choices(self, "embedding")
        require_at_least(1, "embedding", dim=self.dim)

    @abstractmethod
    def table(self, spec: TableSpec) -> EmbeddingTable:
        """Return an empty table whose file keeps within the budget.

        Raises
        ------
        Unreachable : for a budget that no table of this scheme meets; it says the smallest.
        """

    def arranged(
        self,
        targets: Mapping[str, torch.Tensor | None],
        enriched: Collection[str],
        extra_columns: int = 0,
        statistics: Statistics = NOTHING_KNOWN,
    ) -> Mapping[str, torch.Tensor | None]:
        """Return the starting values of all fields, rearranged if that suits the scheme; unchanged by default.

        Parameters
        ----------
        targets : see `EmbeddingCollection`.
        enriched : names of the fields whose targets are more than random values.
        extra_columns : how many of their last columns are not part of vectors.
        statistics : of the training rows.
        """
        return targets

    def require_start(self, enriched: Collection[str]) -> None:  # noqa: B027
        """Raise a UsageError for tables that cannot start from these values.

        Parameters
        ----------
        enriched : names of the compressed fields whose start is more than random values.
        """

    def is_compressed(self, field: Field) -> bool:
        """Tell whether this scheme stores a field, instead of a full table."""
        return field.vocabulary_size > self.small


@dataclass(kw_only=True, eq=False)
class Compressed(Scheme):
    """A scheme with a budget of bytes.

    Parameters
    ----------
    dim : columns of the vectors.
    ratio : bytes of the compressed fields' float32 vectors ÷ bytes of the exported file, at least 1.
    budget : bytes of the exported file, instead of a ratio.
    small : fields of at most so many values stay full.
    """

    ratio: float | None = 16.0
    budget: int | None = None
    small: int = 100

    def __post_init__(self) -> None:
        """Check the options; a budget takes the place of the ratio."""
        super().__post_init__()
        require_at_least(0, "embedding", small=self.small)
        if self.budget is not None:
            require_at_least(1, "embedding", budget=self.budget)
            self.ratio = None
        elif self.ratio is None:
            raise UsageError("embedding.ratio and embedding.budget are both null; set one of them.")
        else:
            require_at_least(1, "embedding", ratio=self.ratio)


def budget_of(scheme: Scheme, fields: Sequence[Field], all_compressed: Sequence[Field]) -> int | None:
    """Return the bytes that the table of some fields may take; None for no limit.

    Parameters
    ----------
    scheme : has a ratio, or a budget that its tables share in proportion to their rows.
    fields : of this table.
    all_compressed : fields of all tables that share the budget.
    """
    own = sum(field.vocabulary_size for field in fields)
    if scheme.ratio is not None:
        return int(own * scheme.dim * FLOAT32 / scheme.ratio)
    if scheme.budget is None:
        return None
    return scheme.budget * own // sum(field.vocabulary_size for field in all_compressed)
