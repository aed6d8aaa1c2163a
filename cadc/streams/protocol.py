"""How a stream trains from segment to segment, and the budget that its rows keep within."""

from dataclasses import dataclass

from cadc.configuration.components import require_choices
from cadc.embeddings.coding.dtypes import TORCH_DTYPES, Dtype
from cadc.errors import UsageError, require_at_least

LINEAR_TERM_BYTES = 4
"""Bytes of a linear term, which is stored in float32 whatever the type of the rows."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Options of a stream.

    Parameters
    ----------
    mean_size : numbers of a row on average, over users and items, at least 1, linear terms among them; None goes by
        `budget`.
    budget : most bytes of all rows together, in every segment, instead of `mean_size`.
    dtype : in which rows are stored, linear terms left out, which are float32.
    replay : rows of earlier segments that train again, as a share of a segment's own, not negative.
    reservoir : most rows that are kept to be replayed; None keeps all.
    carry : whether a segment's model starts from that of the segment before.

    Raises
    ------
    UsageError : for options out of bounds, or without any budget.

    Examples
    --------
    >>> Protocol(mean_size=8).numbers(segment=0, n_rows=100)
    800
    >>> Protocol(budget=1000, dtype="float16").numbers(segment=0, n_rows=100)
    500
    """

    mean_size: float | None = 8.0
    budget: int | None = None
    dtype: Dtype = "float32"
    replay: float = 0.2
    reservoir: int | None = None
    carry: bool = True

    def __post_init__(self) -> None:
        """Check the options."""
        require_choices(self, "stream")
        require_at_least(0, "stream", replay=self.replay)
        given = {"budget": self.budget, "reservoir": self.reservoir, "mean_size": self.mean_size}
        require_at_least(1, "stream", **{name: value for name, value in given.items() if value is not None})
        if self.budget is None and self.mean_size is None:
            raise UsageError("stream.mean_size and stream.budget are both null; set one of them.")

    def numbers(self, segment: int, n_rows: int, n_terms: int = 0) -> int:
        """Return how many numbers the rows of a segment may have together, linear terms left out.

        Parameters
        ----------
        segment : its number, for messages.
        n_rows : users and items that are known, *unknown* of each side among them.
        n_terms : linear terms of all rows together.

        Raises
        ------
        UsageError : if that is fewer than one number a row.
        """
        least = "a number and a linear term" if n_terms else "a number"
        if self.budget is None:
            assert self.mean_size is not None
            if self.mean_size * n_rows < n_rows + n_terms:
                raise UsageError(
                    f"stream.mean_size is {self.mean_size}; a row has {least} at least, so it must be at least "
                    f"{(n_rows + n_terms) / n_rows:g}."
                )
            return int(self.mean_size * n_rows) - n_terms
        each = TORCH_DTYPES[self.dtype].itemsize
        of_terms = LINEAR_TERM_BYTES * n_terms
        if self.budget < n_rows * each + of_terms:
            raise UsageError(
                f"stream.budget={self.budget} bytes do not hold segment {segment + 1}, which has {n_rows} rows; "
                f"{least} of each take {n_rows * each + of_terms} bytes."
            )
        return (self.budget - of_terms) // each
