"""Ratings: the raw numbers of which a threshold makes labels, in the type in which a log keeps them."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.column_block import Block


def rated(block: Block, name: str, threshold: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the labels that a threshold makes of a column of numbers, and the numbers.

    Both are compared in the column's own type: 0.7 as float32 reaches 0.7; whole numbers and decimals are compared
    exactly.

    Parameters
    ----------
    block : rows of a file.
    name : name of the column.
    threshold : lowest number of label 1.

    Returns
    -------
    labels : 0 or 1, float32, shape [B].
    ratings : float32, shape [B], see `in_float32`.

    Raises
    ------
    DataError : if a value is not a finite number, or is beyond float32.
    """
    values = block.columns[name]
    own = _type_of(values)
    numbers = block.numbers(name, own)
    if pa.types.is_decimal(values.type):
        exact = pa.scalar(Decimal(repr(float(threshold))))
        reached = pc.greater_equal(values, exact).to_numpy(zero_copy_only=False)
    elif np.issubdtype(own, np.integer):
        # NumPy compares whole numbers of any size exactly with one of Python.
        reached = numbers >= ceiling(threshold)
    else:
        with np.errstate(over="ignore"):
            reached = numbers >= numbers.dtype.type(threshold)
    return reached.astype(np.float32), in_float32(_within_float32(block, name, numbers), reached, threshold)


def unlabelled(block: Block, name: str) -> NDArray[np.float32]:
    """Return a column of ratings that stand beside labels of their own, float32, shape [B].

    Raises
    ------
    DataError : if a value is not a finite number, or is beyond float32.
    """
    return _within_float32(block, name, block.numbers(name, np.float64)).astype(np.float32)


def in_float32(numbers: NDArray[Any], reached: NDArray[np.bool_], threshold: float) -> NDArray[np.float32]:
    """Return ratings in float32 that reach the threshold, in float32, where they reach it in their own type.

    A number that rounding would carry across the threshold becomes the nearest float32 on its own side.

    Parameters
    ----------
    numbers : ratings, none of them beyond float32, shape [B].
    reached : whether each reaches the threshold, bool, shape [B].
    threshold : lowest rating of label 1.

    Examples
    --------
    >>> in_float32(np.array([16777216, 16777217]), np.array([False, True]), 16777217.0).tolist()
    [16777215.0, 16777216.0]
    """
    found = numbers.astype(np.float32)
    with np.errstate(over="ignore"):
        lowest = np.float32(threshold)
    found[reached & (found < lowest)] = lowest
    found[~reached & (found >= lowest)] = np.nextafter(lowest, np.float32(-np.inf))
    return found


def ceiling(threshold: float) -> float | int:
    """Return the lowest whole number that reaches a threshold; infinity and NaN stay.

    >>> ceiling(3.5), ceiling(4.0), ceiling(float("inf"))
    (4, 4, inf)
    """
    return threshold if not np.isfinite(threshold) else -int(-threshold // 1)


def _type_of(values: pa.Array) -> type[np.number[Any]]:
    """Return the type in which a column is compared with a threshold; of texts int64 if all are whole numbers."""
    if pa.types.is_string(values.type):
        try:
            values.cast(pa.int64())
        except pa.ArrowInvalid:
            return np.float64
        return np.int64
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        own: type[np.number[Any]] = values.type.to_pandas_dtype()
        return own
    return np.float64


def _within_float32(block: Block, name: str, numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the numbers; raise a DataError for the first that float32 cannot hold."""
    if numbers.dtype == np.float64:
        most = np.finfo(np.float32).max
        block.refuse(name, pa.array(np.abs(numbers) > most), f"is beyond {most:.3g}, the largest number of 32 bits")
    return numbers
