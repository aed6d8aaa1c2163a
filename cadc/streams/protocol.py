"""How a stream trains from segment to segment, and the budget that its rows keep within."""

from dataclasses import dataclass
from typing import Literal

from cadc.configuration.components import require_choices
from cadc.embeddings.coding.dtypes import TORCH_DTYPES, Dtype
from cadc.errors import UsageError, require_at_least
from cadc.streams.bytes_held import ROW_BYTES

LINEAR_TERM_BYTES = 4
"""Bytes of a linear term, which is stored in float32 whatever the type of the rows."""

Keep = Literal["uniform", "sampler"]
"""Which rows a reservoir keeps: a uniform sample of the past, or those that the run's sampler prefers."""
Factorize = Literal["segment", "reservoir", "past"]
"""Rows that the factorisation of a segment reads: those that train, all of the reservoir besides, or all so far."""
Known = Literal["carried", "shifted", "enriched"]
"""Where an enriched row starts that the segment before knew: as it was trained; likewise, but moved as its factors were
since; or from its factors."""


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
    reservoir : most rows of the log that are kept to be replayed; None keeps all.
    keep : which rows those are, see `Keep`.
    rows_share : share of `budget` that rows of the log may take at most, `ROW_BYTES` each, in [0, 1). Tables have what
        rows leave, so that both together never take more than `budget`. None: the budget is that of the tables alone.
    carry : whether a segment's model starts from that of the segment before.
    factorize : which rows a factorisation reads, see `Factorize`.
    warm : whether a factorisation goes on from that of the segment before. New users and items start where a fit anew
        would.
    passes : most passes of a factorisation that goes on; None lets validation stop it, as a fit anew.
    known : where enriched rows start that the segment before knew, see `Known`.

    Raises
    ------
    UsageError : for options out of bounds or that do not fit together, or without any budget.

    Examples
    --------
    >>> Protocol(mean_size=8).numbers(segment=0, n_rows=100)
    800
    >>> Protocol(budget=1000, dtype="float16").numbers(segment=0, n_rows=100)
    500
    >>> shared = Protocol(budget=1000, rows_share=0.5)
    >>> shared.most_rows, shared.numbers(segment=0, n_rows=100, n_kept=20)
    (55, 205)
    """

    mean_size: float | None = 8.0
    budget: int | None = None
    dtype: Dtype = "float32"
    replay: float = 0.2
    reservoir: int | None = None
    keep: Keep = "uniform"
    rows_share: float | None = None
    carry: bool = True
    factorize: Factorize = "segment"
    warm: bool = False
    passes: int | None = None
    known: Known = "carried"

    def __post_init__(self) -> None:
        """Check the options."""
        require_choices(self, "stream")
        require_at_least(0, "stream", replay=self.replay)
        names = ("budget", "reservoir", "mean_size", "passes")
        given = {name: value for name in names if (value := vars(self)[name]) is not None}
        require_at_least(1, "stream", **given)
        if self.budget is None and self.mean_size is None:
            raise UsageError("stream.mean_size and stream.budget are both null; set one of them.")
        if self.rows_share is not None:
            if not 0 <= self.rows_share < 1:
                raise UsageError(f"stream.rows_share is {self.rows_share}; it must be a share of the budget in [0, 1).")
            if self.budget is None:
                raise UsageError(
                    f"stream.rows_share is {self.rows_share}, a share of stream.budget, which is null; set it to bytes."
                )
            if self.factorize == "past":
                raise UsageError(
                    "stream.factorize=past reads rows that the budget does not hold, and stream.rows_share counts all "
                    "rows that are held; set stream.factorize=reservoir, or stream.rows_share=null."
                )
        if self.known != "carried" and not self.warm:
            raise UsageError(
                f"stream.known is {self.known}, and factors that are fitted anew to each segment have another basis; "
                "set stream.warm=true, or stream.known=carried."
            )

    @property
    def most_rows(self) -> int | None:
        """Most rows of the log that are kept; None keeps all."""
        if self.rows_share is None or self.budget is None:
            return self.reservoir
        most = int(self.rows_share * self.budget) // ROW_BYTES
        return most if self.reservoir is None else min(most, self.reservoir)

    def numbers(self, segment: int, n_rows: int, n_terms: int = 0, n_kept: int = 0) -> int:
        """Return how many numbers the rows of a segment may have together, linear terms left out.

        Parameters
        ----------
        segment : its number, for messages.
        n_rows : users and items that are known, *unknown* of each side among them.
        n_terms : linear terms of all rows together.
        n_kept : most rows of the log that are kept while the model of the segment is; they count with `rows_share`.

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
        of_tables = self.budget - (ROW_BYTES * n_kept if self.rows_share is not None else 0)
        if of_tables < (smallest := self.smallest(n_rows, n_terms)):
            beside = f", and {n_kept} rows of the log {ROW_BYTES * n_kept}" if of_tables < self.budget else ""
            raise UsageError(
                f"stream.budget={self.budget} bytes do not hold segment {segment + 1}, which has {n_rows} rows; "
                f"{least} of each take {smallest} bytes{beside}."
            )
        return (of_tables - LINEAR_TERM_BYTES * n_terms) // TORCH_DTYPES[self.dtype].itemsize

    def smallest(self, n_rows: int, n_terms: int) -> int:
        """Return the fewest bytes of tables with so many rows and linear terms: those of a number of each row."""
        return n_rows * TORCH_DTYPES[self.dtype].itemsize + LINEAR_TERM_BYTES * n_terms
