"""The canonical form of a categorical value: the text that stands for it, whatever type a file keeps it in."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

EXACT = ((pa.float16(), 2**11), (pa.float32(), 2**24), (pa.float64(), 2**53))
"""Below it, a type of floating-point numbers holds all whole numbers; it may itself stand for the one after it."""
EXPECTED = "expected texts or whole numbers"


class NotCategorical(Exception):
    """A column, or one of its values, cannot be a category.

    Parameters
    ----------
    fault : what is wrong and what was expected.
    at : position of the value; None if the column's type is wrong.
    """

    def __init__(self, fault: str, at: int | None = None) -> None:
        super().__init__(fault)
        self.fault, self.at = fault, at


def plain(values: pa.Array) -> pa.Array:
    """Return an array with dictionaries, and the other layouts of texts and bytes, turned into plain ones."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    return values.cast(pa.binary()) if pa.types.is_binary_view(values.type) else values


def canonical_texts(values: pa.Array) -> pa.Array:
    """Return the text of each value, type string, shape [n]; a missing value is an empty text.

    Texts stay as they are: `"03"` and `" 3"` are not `"3"`, and `"NA"` is a value. A whole number of any type is its
    decimal digits, a truth value `true` or `false`, a date `YYYY-MM-DD`, bytes are text in UTF-8. Null and NaN are
    missing.

    Raises
    ------
    NotCategorical : for a fraction, a number that its type cannot hold exactly, bytes that are not UTF-8, or a column
        of another type.

    Examples
    --------
    >>> canonical_texts(pa.array([3.0, None, -1.0])).to_pylist()
    ['3', '', '-1']
    >>> canonical_texts(pa.array(["03", "NA", None])).to_pylist()
    ['03', 'NA', '']
    """
    values = plain(values)
    for holds, to_text in CONVERSIONS:
        if holds(values.type):
            return pc.fill_null(to_text(values), "")
    raise NotCategorical(f"holds {values.type}; {EXPECTED}")


def _of_texts(values: pa.Array) -> pa.Array:
    try:
        # A Parquet file may call bytes of another encoding texts.
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        raise _not_utf8(values.cast(pa.binary())) from error
    return values


def _of_bytes(values: pa.Array) -> pa.Array:
    values = values.cast(pa.binary())
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise _not_utf8(values) from error


def _not_utf8(values: pa.Array) -> NotCategorical:
    """Return the error for the first bytes that are not text."""
    for at, value in enumerate(values.to_pylist()):
        try:
            (value or b"").decode()
        except UnicodeDecodeError:
            return NotCategorical("is not text in UTF-8; convert the column", at)
    return NotCategorical("holds bytes that are not text in UTF-8; convert it")


def _of_floats(values: pa.Array) -> pa.Array:
    limit = next(limit for kind, limit in EXACT if kind == values.type)
    if values.type == pa.float16():
        values = values.cast(pa.float32())
    values = values.cast(pa.float64())
    values = pc.if_else(pc.is_nan(values), None, values)
    _refuse(
        pc.greater_equal(pc.abs(values), limit), f"is not below {limit:,}, from where on its type skips whole numbers"
    )
    _refuse(pc.not_equal(pc.trunc(values), values), f"has a fraction; {EXPECTED}")
    return values.cast(pa.int64()).cast(pa.string())


def _of_decimals(values: pa.Array) -> pa.Array:
    values = values.cast(pa.decimal256(76, values.type.scale))
    _refuse(pc.not_equal(pc.trunc(values), values), f"has a fraction; {EXPECTED}")
    return values.cast(pa.decimal256(76, 0)).cast(pa.string())


def _refuse(wrong: pa.Array, fault: str) -> None:
    at = pc.index(pc.fill_null(wrong, False), True).as_py()
    if at >= 0:
        raise NotCategorical(fault, at)


def _by_cast(values: pa.Array) -> pa.Array:
    return values.cast(pa.string())


def _one_of(*kinds: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda found: any(kind(found) for kind in kinds)


CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (pa.types.is_string, _of_texts),
    (_one_of(pa.types.is_integer, pa.types.is_boolean, pa.types.is_null), _by_cast),
    (pa.types.is_date, lambda values: values.cast(pa.date32()).cast(pa.string())),
    (pa.types.is_floating, _of_floats),
    (pa.types.is_decimal, _of_decimals),
    (_one_of(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary), _of_bytes),
)
"""How the types that can be categories become texts."""
