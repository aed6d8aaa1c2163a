"""Which process holds which row of a sharded table."""

from dataclasses import dataclass
from functools import cached_property
from math import gcd

import torch
from torch import Tensor

from cadc.errors import UsageError

GOLDEN = 0.6180339887498949
"""Multiples of the golden ratio modulo 1 lie evenly, whichever range of numbers they are multiplied from."""
MOST_ROWS = 3_000_000_000
"""Rows of which the product of two numbers fits into int64."""


@dataclass(frozen=True)
class RowPlacement:
    """Places of the rows of a table, and the ranges of places that processes hold.

    Row r has the place (r · c) mod n, c coprime to n, and process p of P holds the places from p · ⌈n ÷ P⌉ on, as
    `torch.chunk` cuts them. A table stacks its fields, frequent values first in each; were rows in their own order, one
    process would hold all large fields and another all frequent values. Places scatter them evenly over any number of
    processes. Since places do not depend on P, what P processes saved is cut anew for another number.

    Parameters
    ----------
    n_rows : n, of all fields of the table.
    n_processes : P.

    Raises
    ------
    UsageError : for more processes than rows, or more than 3·10⁹ rows.

    >>> placement = RowPlacement(n_rows=7, n_processes=2)
    >>> placement.places(torch.arange(7)).tolist()
    [0, 4, 1, 5, 2, 6, 3]
    >>> placement.held(0), placement.held(1)
    (range(0, 4), range(4, 7))
    """

    n_rows: int
    n_processes: int

    def __post_init__(self) -> None:
        """Check that the rows suffice for the processes, and places for the rows."""
        if self.n_processes > self.n_rows:
            raise UsageError(
                f"{self.n_processes} processes share a table of {self.n_rows} rows; expected at most one process for a "
                "row. Lower trainer.devices, or set trainer.tables=replicated."
            )
        if self.n_rows > MOST_ROWS:
            raise UsageError(
                f"a table has {self.n_rows:,} rows; trainer.tables=sharded holds at most {MOST_ROWS:,}. Hash the ids."
            )

    @cached_property
    def size(self) -> int:
        """Places that a process holds at most."""
        return -(-self.n_rows // self.n_processes)

    @cached_property
    def factor(self) -> int:
        """The number c."""
        found = max(1, int(self.n_rows * GOLDEN))
        while gcd(found, self.n_rows) != 1:
            found += 1
        return found

    def places(self, rows: Tensor) -> Tensor:
        """Return the places of rows, int64, shape of the rows."""
        return rows.long() * self.factor % self.n_rows

    def rows(self, places: Tensor) -> Tensor:
        """Return the rows at places, int64, shape of the places."""
        return places.long() * pow(self.factor, -1, self.n_rows) % self.n_rows

    def held(self, process: int) -> range:
        """Return the places that a process holds; of few rows, the last processes may hold none."""
        first = min(process * self.size, self.n_rows)
        return range(first, min(first + self.size, self.n_rows))

    def sent_to(self, places: Tensor) -> Tensor:
        """Return how many of some places (int64, ascending, shape [n]) each process holds, int64, shape [P]."""
        bounds = torch.arange(self.n_processes + 1, device=places.device) * self.size
        return torch.searchsorted(places, bounds).diff()
