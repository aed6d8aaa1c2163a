"""Examples of a log that stay on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cadc.data.grouping import PART_ROWS
from cadc.data.log import InteractionLog
from cadc.factorization.examples import Examples, require_single


@dataclass(frozen=True)
class LogExamples:
    """Those of some rows of a log, which are read part by part.

    Parameters
    ----------
    log : the log.
    fields : names of the two fields.
    rows : row numbers, shape [n].

    Raises
    ------
    DataError : if the log lacks a field, or a field is a bag.
    """

    log: InteractionLog
    fields: Sequence[str]
    rows: Tensor

    def __post_init__(self) -> None:
        require_single(self.log, self.fields)

    def __len__(self) -> int:
        return len(self.rows)

    def parts(self) -> Iterator[Examples]:
        """Yield the examples in parts of at most `PART_ROWS`, in their order; ids are int32."""
        for rows in self.rows.split(PART_ROWS):
            first, second = (self.log.field_ids(name, rows) for name in self.fields)
            yield Examples((first, second), self.log.labels(rows))

    def all(self) -> Examples:
        """Return all examples at once; ids are int32."""
        parts = list(self.parts())
        first, second = (torch.cat([part.ids[place] for part in parts]) for place in (0, 1))
        return Examples((first, second), torch.cat([part.labels for part in parts]))
