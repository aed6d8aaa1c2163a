"""Starting values of a table in blocks of rows, so that nobody needs to hold all of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.data.schema import UNKNOWN, Field
from cadc.embeddings.coding.rows import CHUNK

VECTORISED = 16
"""Numbers of which torch makes normal ones at once; it makes fewer one by one, which gives others."""


class RowBlocks(ABC):
    """The starting values of a field, which are made anew each time that they are iterated over.

    Attributes
    ----------
    shape : of all rows together: vocabulary size, columns.
    """

    shape: tuple[int, int]
    ndim = 2

    @abstractmethod
    def __iter__(self) -> Iterator[Tensor]:
        """Yield all rows in their order, float32, some rows of `shape` at a time."""

    def whole(self) -> Tensor:
        """Return all rows, float32, of `shape`."""
        return torch.cat(list(self))


@dataclass(frozen=True)
class DrawnRows(RowBlocks):
    """Normal random values, the same as those that are drawn at once.

    Parameters
    ----------
    shape : vocabulary size, columns.
    std : standard deviation.
    generator : as it is before the first number.
    kept : rows that are not zero, bool, shape [vocabulary size]; None keeps all but *unknown*.
    """

    shape: tuple[int, int]
    std: float
    generator: torch.Generator
    kept: Tensor | None = None

    def __iter__(self) -> Iterator[Tensor]:
        generator = self.generator.clone_state()
        n_rows, first = self.shape[0], 0
        while first < n_rows:
            rest = n_rows - first
            size = rest if rest < CHUNK + VECTORISED else CHUNK
            block = self.std * torch.randn(size, self.shape[1], generator=generator)
            if self.kept is not None:
                block[~self.kept[first : first + size]] = 0
            if first == 0:
                block[UNKNOWN] = 0
            yield block
            first += size


@dataclass(frozen=True)
class ComputedRows(RowBlocks):
    """Values that a function returns for a range of rows.

    Parameters
    ----------
    shape : vocabulary size, columns.
    rows : the values of the rows of a slice, float32, shape [n, columns].
    """

    shape: tuple[int, int]
    rows: Callable[[slice], Tensor]

    def __iter__(self) -> Iterator[Tensor]:
        for first in range(0, self.shape[0], CHUNK):
            yield self.rows(slice(first, min(first + CHUNK, self.shape[0])))


def require_targets(fields: Sequence[Field], dim: int, targets: Sequence[Tensor | RowBlocks | None]) -> None:
    """Raise a ValueError for a target that has not the shape of its field's table, [vocabulary size, dim]."""
    for field, given in zip(fields, targets, strict=True):
        if given is not None and tuple(given.shape) != (field.vocabulary_size, dim):
            raise ValueError(
                f"the target of {field.name} has the shape {tuple(given.shape)}; expected "
                f"{(field.vocabulary_size, dim)}, that of its table."
            )
