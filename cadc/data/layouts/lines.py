"""Text files whose lines are made from columns, without a loop over rows."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def write_lines(path: Path, header: Sequence[str], blocks: Iterable[Sequence[pa.Array]], separator: str) -> None:
    """Write columns as lines of a text file; a missing value is empty.

    Parameters
    ----------
    path : the file.
    header : names in the first line; none leaves it out.
    blocks : columns of consecutive lines, shape [B] each.
    separator : separator of two columns.
    """
    with path.open("wb") as file:
        if header:
            file.write((separator.join(header) + "\n").encode())
        for columns in blocks:
            texts = [pc.fill_null(column.cast(pa.string()), "") for column in columns]
            # What joins the columns of a row stands first; then each row ends its line.
            lines = pc.binary_join_element_wise(*texts, separator)
            ended = pc.binary_join_element_wise(lines, "", "\n")
            _, offsets, characters = ended.buffers()
            ends = np.frombuffer(offsets, np.int32, len(ended) + 1, 4 * ended.offset)
            if characters is not None:
                file.write(memoryview(characters)[ends[0] : ends[-1]])


def joined(values: pa.Array, offsets: NDArray[np.integer]) -> pa.Array:
    """Return the texts of lists of values, joined by blanks, shape [n].

    Parameters
    ----------
    values : the values of all lists, shape [V].
    offsets : where the values of each list begin, and V at the end, shape [n + 1].

    Examples
    --------
    >>> joined(pa.array([1, 2, 3]), np.array([0, 2, 3])).to_pylist()
    ['1 2', '3']
    """
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values.cast(pa.string()))
    return pc.binary_join(lists, " ")
