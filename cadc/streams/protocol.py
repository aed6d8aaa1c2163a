"""How a stream trains from segment to segment, and the budget that its rows keep within."""

from dataclasses import dataclass

from cadc.configuration.components import require_choices
from cadc.embeddings.coding.dtypes import TORCH_DTYPES, Dtype
from cadc.errors import UsageError, require_at_least


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Options of a stream.

    Parameters
    ----------
    mean_size : numbers of a row on average, over users and items, at least 1; None goes by `budget`.
    budget : most bytes of all rows together, in every segment, instead of `mean_size`.
    dtype : in which rows are stored.
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

    def numbers(self, segment: int, n_rows: int) -> int:
        """Return how many numbers the rows of a segment may have together.

        Parameters
        ----------
        segment : its number, for messages.
        n_rows : users and items that are known, *unknown* of each side among them.

        Raises
        ------
        UsageError : if that is fewer than one number a row.
        """
        each = TORCH_DTYPES[self.dtype].itemsize
        if self.budget is None:
            assert self.mean_size is not None
            return int(self.mean_size * n_rows)
        if self.budget // each < n_rows:
            raise UsageError(
                f"stream.budget={self.budget} bytes hold {self.budget // each} numbers, and segment {segment + 1} has "
                f"{n_rows} rows; one number a row up to there takes {n_rows * each} bytes."
            )
        return self.budget // each
