"""What new rows hold that a run does not know: counted column by column, and said in a sentence each."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.schema import ENTITY_FIELDS
from cadc.errors import shown

MOST_COUNTED = 1_000_000
"""Different values that are told apart; beyond it only rows are counted, so that memory stays bounded."""


class UnknownValues:
    """Counts the values of one column that are unknown or missing, over blocks of rows.

    Parameters
    ----------
    field : name of the field: `user`, `item`, or a context field.
    example : a value that the run knows, for the message if it knows none of the rows'; None if it knows none at all.
    """

    def __init__(self, field: str, example: object = None) -> None:
        self.field, self.example = field, example
        self.n_rows = self.n_missing = self.n_unknown_rows = 0
        self._all: set[int] | None = set()
        self._unknown: set[int] | None = set()
        self._first: str | None = None

    def add(self, texts: pa.Array, is_unknown: NDArray[np.bool_]) -> None:
        """Count the rows of a block.

        Parameters
        ----------
        texts : canonical texts, shape [B]; an empty one is missing.
        is_unknown : whether the run does not know the value, shape [B]; of missing values it does not matter.
        """
        missing = pc.equal(texts, "").to_numpy(zero_copy_only=False)
        unknown = is_unknown & ~missing
        self.n_rows += len(texts)
        self.n_missing += int(missing.sum())
        self.n_unknown_rows += int(unknown.sum())
        if self._first is None and unknown.any():
            self._first = texts[int(unknown.argmax())].as_py()
        self._all = _with(self._all, texts.filter(pa.array(~missing)))
        self._unknown = _with(self._unknown, texts.filter(pa.array(unknown)))

    @property
    def all_unknown(self) -> bool:
        """Whether there are values, and the run knows none of them."""
        return 0 < self.n_unknown_rows == self.n_rows - self.n_missing

    def sentences(self) -> Iterator[str]:
        """Yield what is to be said of the column; nothing if all its values are known."""
        if self.n_unknown_rows:
            is_entity = self.field in ENTITY_FIELDS
            things = f"{self.field}s" if is_entity else f"values of {self.field}"
            rows = f"{self.n_unknown_rows:,} of {self.n_rows:,} rows"
            if self._all is None or self._unknown is None:
                said = f"{things} are unknown to this run in {rows}"
            else:
                said = f"{len(self._unknown):,} of {len(self._all):,} {things} are unknown to this run, in {rows}"
            if self.all_unknown and self.example is not None:
                said += (
                    f"; they look like {shown(self._first)}, and those that it knows like {shown(str(self.example))}"
                )
            yield said
        if self.n_missing:
            rows = f"{self.n_missing:,} of {self.n_rows:,} rows"
            yield f"{self.field} is missing in {rows}, which are scored as with an unknown value"


def _with(counted: set[int] | None, texts: pa.Array) -> set[int] | None:
    """Add hashes of texts to those that are told apart; None once there are too many."""
    if counted is None:
        return None
    counted.update(map(hash, texts.unique().to_pylist()))
    return counted if len(counted) <= MOST_COUNTED else None
