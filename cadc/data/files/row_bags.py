"""Bags of rows: a text with separators, or a list of a Parquet file, in each."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.canonical import NotCategorical, canonical_texts
from cadc.data.column_block import Block

LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def holds_lists(kind: pa.DataType) -> bool:
    """Tell whether a column of an Arrow type holds a list of single values in each row."""
    return any(is_kind(kind) for is_kind in LISTS) and not pa.types.is_nested(kind.value_type)


@dataclass(frozen=True)
class RowBags:
    """The bags of B rows, of which those that are written alike are there once.

    Blanks around a value and empty values do not count; a value that is repeated counts as often.

    Parameters
    ----------
    bags : values of each bag, in their order.
    of_rows : place of each row's bag in `bags`, integers, shape [B].
    """

    bags: list[tuple[str, ...]]
    of_rows: NDArray[Any]

    @classmethod
    def read(cls, block: Block, name: str, separator: str) -> "RowBags":
        """Return the bags of a column.

        Parameters
        ----------
        block : rows of a file.
        name : name of a column of texts or of lists; a missing list is an empty bag.
        separator : separator of two values in a text.

        Raises
        ------
        DataError : if a value cannot be a category.
        """
        column = block.columns[name]
        if not holds_lists(column.type):
            return cls.of_texts(block.texts(name), separator)
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        try:
            values = canonical_texts(column.flatten())
        except NotCategorical as error:
            if error.at is None:
                raise block.whole_fault(name, error.fault) from error
            raise block.fault(name, int(rows[error.at]), f"holds a value that {error.fault}") from error
        return cls._of_values(values, rows, len(lengths))

    @classmethod
    def of_texts(cls, texts: pa.Array, separator: str) -> "RowBags":
        """Return the bags that texts write with a separator."""
        encoded = texts.dictionary_encode()
        parts = (text.split(separator) for text in encoded.dictionary.to_pylist())
        bags = [tuple(stripped for part in own if (stripped := part.strip())) for own in parts]
        return cls(bags, encoded.indices.to_numpy())

    @classmethod
    def _of_values(cls, values: pa.Array, rows: NDArray[np.int64], n_rows: int) -> "RowBags":
        """Return the bags of some rows.

        Parameters
        ----------
        values : texts, shape [V].
        rows : row of each value, ascending, shape [V].
        n_rows : number of rows.
        """
        encoded = values.dictionary_encode()
        known = [text.strip() for text in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy().astype(np.int32)
        is_kept = np.array([text != "" for text in known], bool)[codes]
        codes, lengths = codes[is_kept], np.bincount(rows[is_kept], minlength=n_rows)
        # As bytes, in which Arrow finds equal bags.
        ends = np.concatenate([[0], np.cumsum(lengths)]) * codes.itemsize
        buffers = [None, pa.py_buffer(ends.astype(np.int64)), pa.py_buffer(codes)]
        packed = pa.Array.from_buffers(pa.large_binary(), n_rows, buffers).dictionary_encode()
        unpacked = (np.frombuffer(own, np.int32).tolist() for own in packed.dictionary.to_pylist())
        return cls([tuple(known[code] for code in own) for own in unpacked], packed.indices.to_numpy())

    def codes(self, known: dict[Hashable, int]) -> NDArray[np.int32]:
        """Return the code of each row's bag, int32, shape [B]: bags are numbered as they appear, empty ones are -1.

        Parameters
        ----------
        known : code of each bag so far; new ones are added to it.
        """
        table = [known.setdefault(own, len(known)) if own else -1 for own in self.bags]
        return np.array(table, np.int32)[self.of_rows] if table else np.empty(0, np.int32)
