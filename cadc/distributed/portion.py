"""Which rows of a batch, or of a part of a log, each of several ranks takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Portion:
    """What a rank takes of some rows: `n` of them from the place `first` on, of `of` in all.

    >>> [Portion.of_rank(rank, 3, 5) for rank in range(3)]
    [Portion(first=0, n=2, of=5), Portion(first=2, n=2, of=5), Portion(first=4, n=1, of=5)]
    """

    first: int
    n: int
    of: int

    @classmethod
    def of_rank(cls, rank: int, size: int, n_rows: int) -> "Portion":
        """Return the portion of one of `size` ranks: the portions differ by one row at most, the first are larger."""
        least, n_larger = divmod(n_rows, size)
        return cls(rank * least + min(rank, n_larger), least + (rank < n_larger), n_rows)

    @property
    def share(self) -> float:
        """The portion's share of all rows."""
        return self.n / self.of if self.of else 0.0

    @property
    def end(self) -> int:
        """Place after its last row."""
        return self.first + self.n
