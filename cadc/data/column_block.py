"""Consecutive rows of a table file, and its columns converted to texts, numbers, labels and times."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.errors import DataError, shown

TIMES = (pa.int64(), pa.timestamp("us"), pa.timestamp("us", "UTC"))
A_TIME = "whole seconds, or dates and times such as 2024-12-31 23:59:59"


@dataclass
class Block:
    """Consecutive rows of a file.

    A value that cannot be converted raises a DataError that names the file, the row, the column and the value.

    Parameters
    ----------
    path : the file.
    first_row : number of rows of the file before this block.
    columns : Arrow arrays by name; texts for CSV, the types of the file for Parquet.
    """

    path: Path
    first_row: int
    columns: dict[str, pa.Array]

    def texts(self, name: str, required: bool = False) -> pa.Array:
        """Return a column as texts; a missing value is an empty text.

        Parameters
        ----------
        name : name of the column.
        required : whether a missing value is an error.

        Raises
        ------
        DataError : if the column holds numbers with fractions or nested values, or lacks a required value.
        """
        values = self.columns[name]
        kinds = (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_null)
        if not any(kind(values.type) for kind in kinds):
            raise DataError(f"{self.path}: column {name} holds {values.type}; expected texts or whole numbers.")
        values = pc.fill_null(pc.cast(values, pa.string()), "")
        if required:
            self._refuse(name, pc.equal(values, ""), "is missing; every row needs one")
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
        DataError : if a value is not a finite number of that type.
        """
        values = self.columns[name]
        kind = "whole number" if np.issubdtype(dtype, np.integer) else "number"
        if pa.types.is_string(values.type):
            values = pc.if_else(pc.equal(values, ""), None, values)
        elif not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or values.type == pa.bool_()):
            raise DataError(f"{self.path}: column {name} holds {values.type}; expected a {kind}.")
        if values.null_count:
            if missing is None:
                self._refuse(name, pc.is_null(values), f"is missing; expected a {kind}")
            values = pc.fill_null(values, pa.scalar(missing).cast(values.type))
        target = pa.from_numpy_dtype(dtype)
        try:
            cast = pc.cast(values, target)
        except pa.ArrowInvalid:
            self._refuse(name, pa.array([not _fits(value, target) for value in values]), f"is not a {kind}")
            raise
        found = cast.to_numpy(zero_copy_only=False)
        if np.issubdtype(dtype, np.floating):
            self._refuse(name, pa.array(~np.isfinite(found)), f"is not a finite {kind}")
        return np.asarray(found)

    def labels(self, name: str) -> NDArray[np.float32]:
        """Return a column of 0 and 1, float32, shape [B].

        Raises
        ------
        DataError : if a value is neither 0 nor 1.
        """
        label = self.numbers(name, np.float32)
        self._refuse(name, pa.array((label != 0) & (label != 1)), "is not a label; expected 0 or 1")
        return label

    def seconds(self, name: str) -> NDArray[np.int64]:
        """Return a column of times as seconds, int64, shape [B].

        Whole numbers stay as they are; dates and times become seconds since 1970 in UTC.

        Raises
        ------
        DataError : if a value is neither, or the column mixes them.
        """
        values = self.columns[name]
        if pa.types.is_string(values.type):
            self._refuse(name, pc.equal(values, ""), f"is missing; expected {A_TIME}")
            values = self._times(name, values)
        if pa.types.is_date(values.type):
            values = pc.cast(values, pa.timestamp("s"))
        if pa.types.is_timestamp(values.type):
            self._refuse(name, pc.is_null(values), f"is missing; expected {A_TIME}")
            whole = pc.cast(values, pa.timestamp("s", values.type.tz), safe=False)
            return np.asarray(pc.cast(whole, pa.int64()).to_numpy())
        return self.numbers(name, np.int64)

    def _times(self, name: str, texts: pa.Array) -> pa.Array:
        """Return texts as whole numbers, or as dates and times, if all of them are written in the same way."""
        for kind in TIMES:
            try:
                return pc.cast(texts, kind)
            except pa.ArrowInvalid:
                continue
        wrong = [not any(_fits(text, kind) for kind in TIMES) for text in texts]
        self._refuse(name, pa.array(wrong), f"is not a time; expected {A_TIME}")
        raise DataError(f"{self.path}: column {name} mixes ways to write a time; expected {A_TIME} in all rows.")

    def _refuse(self, name: str, wrong: pa.Array, fault: str) -> None:
        """Raise a DataError for the first value that is wrong, if any is."""
        at = np.flatnonzero(wrong.to_numpy(zero_copy_only=False))
        if len(at):
            value = self.columns[name][int(at[0])].as_py()
            quoted = "" if value in (None, "") else f" {shown(str(value), 42)}"
            raise DataError(f"{self.path}, row {self.first_row + at[0] + 1}: column {name}{quoted} {fault}.")


def _fits(value: pa.Scalar, target: pa.DataType) -> bool:
    """Tell whether a value can be cast to an Arrow type."""
    try:
        value.cast(target)
    except pa.ArrowInvalid:
        return False
    return True
