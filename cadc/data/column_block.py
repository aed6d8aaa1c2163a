"""Consecutive rows of a table file, and its columns converted to texts, numbers and labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.canonical import NotCategorical, canonical_texts
from cadc.errors import DataError, shown

DECIMAL_COMMA = r"^\s*[+-]?\d+,\d+\s*$"
LONG_WHOLE_NUMBER = r"^[+-]?\d{16,19}$"
"""A text that may be a whole number beyond 2^53, from where on float64 skips some."""
SHORTEST_LONG = 16
"""Characters of the shortest such text."""


@dataclass
class Block:
    """Consecutive rows of a file.

    A value that cannot be converted raises a DataError that names the file, the row, the column and the value.

    Parameters
    ----------
    path : the file, or what a message calls the rows that come from elsewhere.
    first_row : number of rows of the file before this block.
    columns : Arrow arrays by name; texts for CSV, the types of the file for Parquet.
    """

    path: Path | str
    first_row: int
    columns: dict[str, pa.Array]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def texts(self, name: str, required: bool = False) -> pa.Array:
        """Return a column of categories as texts, see `canonical_texts`; a missing value is an empty text.

        Parameters
        ----------
        name : name of the column.
        required : whether a missing value is an error.

        Raises
        ------
        DataError : if the column holds numbers with fractions or nested values, or lacks a required value.
        """
        try:
            values = canonical_texts(self.columns[name])
        except NotCategorical as error:
            if error.at is None:
                raise self.whole_fault(name, error.fault) from error
            raise self.fault(name, error.at, error.fault) from error
        if required:
            self.refuse(name, pc.equal(values, ""), "is missing; every row needs one")
        return values

    def numbers(self, name: str, dtype: type, missing: float | None = None) -> NDArray[Any]:
        """Return a column as numbers.

        Parameters
        ----------
        name : name of the column.
        dtype : NumPy type of the result.
        missing : number in place of missing values; None makes them an error.

        Returns
        -------
        The numbers, of type `dtype`, shape [B].

        Raises
        ------
        DataError : if a value is not a finite number of that type, or is a whole number that `dtype` float64 skips.
        """
        return self._numbers(name, self.columns[name], dtype, missing)

    def _numbers(self, name: str, values: pa.Array, dtype: type, missing: float | None = None) -> NDArray[Any]:
        kind = "whole number" if np.issubdtype(dtype, np.integer) else "number"
        if pa.types.is_string(values.type):
            values = pc.if_else(pc.equal(values, ""), None, values)
        elif not any(is_kind(values.type) for is_kind in NUMERIC):
            raise self.whole_fault(name, f"holds {values.type}; expected a {kind}")
        if values.null_count:
            if missing is None:
                self.refuse(name, pc.is_null(values), f"is missing; expected a {kind}")
            values = pc.fill_null(values, pa.scalar(missing).cast(values.type))
        if dtype is np.float64:
            self._refuse_inexact(name, values)
            # Checked above; a float64 that is nearest to a number of more digits is what is meant.
            safe = not pa.types.is_integer(values.type)
        else:
            safe = True
        target = pa.from_numpy_dtype(dtype)
        try:
            cast = pc.cast(values, target, safe=safe)
        except pa.ArrowInvalid:
            hint = ""
            if pa.types.is_string(values.type):
                commas = pc.match_substring_regex(values, DECIMAL_COMMA)
                hint = "; write a decimal point in place of the comma" if pc.any(commas).as_py() else ""
            self.refuse(name, pa.array([not fits(value, target) for value in values]), f"is not a {kind}{hint}")
            raise
        if pa.types.is_string(values.type) and np.issubdtype(dtype, np.integer) and _holds_x(values):
            # Arrow reads hexadecimal digits, which no other type of number here may hold.
            self.refuse(name, pc.match_substring_regex(values, "[xX]"), f"is not a {kind}")
        found = cast.to_numpy(zero_copy_only=False)
        if np.issubdtype(dtype, np.floating):
            self.refuse(name, pa.array(~np.isfinite(found)), f"is not a finite {kind}")
        return np.asarray(found)

    def _refuse_inexact(self, name: str, values: pa.Array) -> None:
        """Raise a DataError for a whole number that no float64 equals."""
        if pa.types.is_string(values.type):
            if (pc.max(pc.binary_length(values)).as_py() or 0) < SHORTEST_LONG:
                return
            long = pc.match_substring_regex(values, LONG_WHOLE_NUMBER)
            if not pc.any(long).as_py():
                return
            whole = pc.if_else(long, values, "0")
            try:
                whole = whole.cast(pa.int64())
            except pa.ArrowInvalid:  # of more digits than an identifier or a time has
                return
        elif pa.types.is_integer(values.type):
            whole = values
        else:
            return
        found = whole.to_numpy(zero_copy_only=False)
        rounded = found.astype(np.float64)
        # 2^63 and 2^64 are not whole numbers of their own type any more, and nothing equals 0 in their place.
        limit = 2.0 ** (64 if found.dtype == np.uint64 else 63)
        wrong = np.where(rounded < limit, rounded, 0).astype(found.dtype) != found
        self.refuse(
            name,
            pa.array(wrong),
            "is a whole number beyond 2^53 that no float64 equals; subtract a constant from the column or divide it",
        )

    def labels(self, name: str) -> NDArray[np.float32]:
        """Return a column of 0 and 1, or of true and false, float32, shape [B].

        Raises
        ------
        DataError : if a value is neither.
        """
        values = self.columns[name]
        if pa.types.is_string(values.type):
            lower = pc.utf8_lower(values)
            values = pc.case_when(pc.make_struct(pc.equal(lower, "true"), pc.equal(lower, "false")), "1", "0", values)
        label = self._numbers(name, values, np.float64)
        self.refuse(name, pa.array((label != 0) & (label != 1)), "is not a label; expected 0 or 1")
        return label.astype(np.float32)

    def refuse(self, name: str, wrong: pa.Array, fault: str) -> None:
        """Raise a DataError for the first value that is wrong, if any is.

        Parameters
        ----------
        name : name of the column.
        wrong : tells which values are wrong, bool, shape [B].
        fault : what is wrong with them.
        """
        at = np.flatnonzero(wrong.to_numpy(zero_copy_only=False))
        if len(at):
            raise self.fault(name, int(at[0]), fault)

    def whole_fault(self, name: str, fault: str) -> DataError:
        """Return the error for a column."""
        return DataError(f"{self.path}: column {name} {fault}.")

    def fault(self, name: str, at: int, fault: str) -> DataError:
        """Return the error for one value of a column, which stands `at` that place of the block."""
        value = self.columns[name][at].as_py()
        quoted = "" if value in (None, "") else f" {shown(value if isinstance(value, bytes) else str(value), 42)}"
        return DataError(f"{self.path}, row {self.first_row + at + 1}: column {name}{quoted} {fault}.")


NUMERIC = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
"""Types that are numbers."""


def _holds_x(texts: pa.Array) -> bool:
    """Tell whether an x or X is among the characters of texts, or of others in the same memory."""
    characters = texts.buffers()[2]
    found = np.frombuffer(characters or b"", np.uint8)
    return bool(((found | 0x20) == ord("x")).any())


def fits(value: pa.Scalar, target: pa.DataType) -> bool:
    """Tell whether a value can be cast to an Arrow type."""
    try:
        value.cast(target)
    except pa.ArrowInvalid:
        return False
    return True
