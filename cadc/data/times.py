"""Columns of times as whole numbers of ticks: seconds, or as fine a part of a second as a column holds."""

from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cadc.data.canonical import EXACT
from cadc.data.column_block import Block, fits
from cadc.errors import DataError

TICKS = (1, 10**3, 10**6, 10**9)
"""Ticks per second that times are kept in; the first that holds all of a column exactly."""
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SECONDS = pa.decimal128(38, 9)
CLOCK, ZONED = "dates and times without a zone", "dates and times with a zone"
NUMBERS = "numbers"
WAYS: tuple[tuple[pa.DataType, str], ...] = (
    (pa.int64(), NUMBERS),
    (SECONDS, NUMBERS),
    *((pa.timestamp(unit), CLOCK) for unit in ("us", "ns")),
    *((pa.timestamp(unit, "UTC"), ZONED) for unit in ("us", "ns")),
)
"""How texts may write times, with names for messages."""
MANY_DIGITS = 1e7
"""Seconds below which a floating-point number may have more than nine digits after the decimal point."""
A_TIME = "seconds, or dates and times such as 2024-12-31 23:59:59.999"

Ticks = tuple[NDArray[np.int64], int]


class TimeColumn:
    """A column of times, read block by block; all of them must be written in one way.

    Numbers are seconds. Dates and times count from 1970 in UTC; those without a zone are taken as UTC.

    Parameters
    ----------
    name : name of the column.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._way: str | None = None

    def read(self, block: Block) -> Ticks:
        """Return the times of a block, and the ticks per second that they are counted in.

        Returns
        -------
        times : int64, shape [B].
        ticks_per_second : 1, or the first of `TICKS` that holds the block's fractions of a second exactly, to the
            nanosecond.

        Raises
        ------
        DataError : if a value is not a time, or the column mixes ways to write one.
        """
        name, values = self.name, block.columns[self.name]
        if pa.types.is_string(values.type):
            block.refuse(name, pc.equal(values, ""), f"is missing; expected {A_TIME}")
            values, way = self._of_texts(block, values)
        elif pa.types.is_timestamp(values.type):
            way = ZONED if values.type.tz else CLOCK
        else:
            way = CLOCK if pa.types.is_date(values.type) else NUMBERS
        if self._way not in (None, way):
            raise self._mixes(block, f"{way} from row {block.first_row + 1} on, {self._way} before")
        self._way = way
        if pa.types.is_date(values.type):
            values = values.cast(pa.timestamp("s"))
        if pa.types.is_timestamp(values.type):
            block.refuse(name, pc.is_null(values), f"is missing; expected {A_TIME}")
            return _coarsest(values.cast(pa.int64()).to_numpy(zero_copy_only=False), PER_SECOND[values.type.unit])
        if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
            return self._of_fractions(block, values)
        return block.numbers(name, np.int64), 1

    def _of_texts(self, block: Block, texts: pa.Array) -> tuple[pa.Array, str]:
        """Return texts as numbers, or as dates and times, if all of them are written in the same way."""
        for kind, way in WAYS:
            try:
                return texts.cast(kind), way
            except pa.ArrowInvalid:
                continue
        wrong = [not any(fits(text, kind) for kind, _ in WAYS) for text in texts]
        block.refuse(self.name, pa.array(wrong), f"is not a time; expected {A_TIME}")
        raise self._mixes(block, f"expected {A_TIME} in all rows")

    def _mixes(self, block: Block, how: str) -> DataError:
        return DataError(f"{block.path}: column {self.name} mixes ways to write a time; {how}.")

    def _of_fractions(self, block: Block, values: pa.Array) -> Ticks:
        """Return seconds with a fraction as ticks."""
        found = block.numbers(self.name, np.float64)
        if pa.types.is_floating(values.type):
            limit = next(limit for kind, limit in EXACT if kind == values.type)
            fault = f"is not below {limit:,}, from where on its type skips seconds; write times with 64 bits"
            if values.type != pa.float64():
                block.refuse(self.name, pa.array(np.abs(found) >= limit), fault)
            if (found == np.trunc(found)).all():
                return block.numbers(self.name, np.int64), 1
            # The shortest text of a number is what a CSV file holds of it.
            if values.type != pa.float64():
                # As a float64 that is nearest to the shortest text, which has fewer digits than the number itself.
                found = values.cast(pa.float32()).cast(pa.string()).cast(pa.float64()).to_numpy()
            found = np.where(np.abs(found) < MANY_DIGITS, np.rint(found * 1e9) / 1e9, found)
            values = pa.array(found).cast(pa.string()).cast(SECONDS)
        with suppress(pa.ArrowInvalid):  # of too many digits
            wide = values.cast(pa.decimal256(38, max(values.type.scale, 0)))
            for ticks in TICKS:
                scaled = pc.multiply(wide, pa.scalar(ticks, pa.int64()).cast(pa.decimal256(19, 0)))
                if pc.all(pc.equal(pc.trunc(scaled), scaled)).as_py():
                    return scaled.cast(pa.int64()).to_numpy(zero_copy_only=False), ticks
        raise DataError(
            f"{block.path}: the times of column {self.name} are too far apart or too fine for 64 bits; round them to "
            "whole seconds."
        )


def _coarsest(times: NDArray[np.int64], per_second: int) -> Ticks:
    """Return times in the fewest ticks per second that hold them exactly."""
    for ticks in TICKS:
        step = per_second // ticks
        if step <= 1 or not (times % step).any():
            break
    return (times // step, ticks) if step > 1 else (times, per_second)


def in_ticks(times: NDArray[Any], ticks: int, target: int) -> None:
    """Change times in place from some ticks per second to more of them.

    Raises
    ------
    OverflowError : if a time does not fit into 64 bits then.
    """
    factor = target // ticks
    if len(times) and max(int(times.max()), -int(times.min())) > np.iinfo(np.int64).max // factor:
        raise OverflowError
    times *= factor


def whole_ticks(times: NDArray[np.int64], ticks: int, target: int) -> NDArray[np.int64]:
    """Return times in other ticks per second, rounded up, so that whole ones before a time stay before it.

    Raises
    ------
    OverflowError : if a time does not fit into 64 bits then.

    Examples
    --------
    >>> whole_ticks(np.array([1000, 1001]), ticks=1000, target=1).tolist()
    [1, 2]
    """
    if ticks > target:
        return -(-times // (ticks // target))
    found = times.copy()
    in_ticks(found, ticks, target)
    return found
