"""Labels, thresholds and numbers mean the same in every type that a file may keep them in."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.column_block import Block
from cadc.data.labels.ratings import rated
from cadc.errors import DataError


def block(values):
    return Block("the file", 10, {"x": values})


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(0, 50), st.sampled_from(["f2", "f4", "f8", "dec", "text"]))
@settings(deadline=None, max_examples=200)
def test_a_rating_equal_to_the_threshold_reaches_it_in_any_precision(tenths, threshold, kind):
    numbers = [tenth / 10 for tenth in tenths]
    values = {
        "dec": lambda: pa.array([Decimal(tenth) / 10 for tenth in tenths], pa.decimal128(5, 2)),
        "text": lambda: pa.array([str(number) for number in numbers]),
    }.get(kind, lambda: pa.array(np.array(numbers, kind)))()
    assert rated(block(values), "x", threshold / 10)[0].tolist() == [tenth >= threshold for tenth in tenths]


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.floats(allow_nan=False) | st.integers(-(2**63), 2**63).map(float),
)
@settings(deadline=None, max_examples=200)
def test_whole_numbers_are_compared_exactly_however_large(values, threshold):
    expected = [value >= (threshold if np.isinf(threshold) else Fraction(threshold)) for value in values]
    assert rated(block(pa.array(values)), "x", threshold)[0].tolist() == expected
    assert rated(block(pa.array(list(map(str, values)))), "x", threshold)[0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (pa.array(["4.5", "4,5"]), "row 12: column x '4,5' is not a number; write a decimal point"),
        (pa.array(["4", "0x4"]), "row 12: column x '0x4' is not a whole number"),
        (pa.array([4.0, float("nan")]), "row 12: column x 'nan' is not a finite number"),
        (pa.array([4, None]), "row 12: column x is missing"),
        (pa.array(["4", ""]), "row 12: column x is missing"),
        (pa.array([b"4"]), "column x holds binary"),
    ],
)
def test_a_rating_that_is_no_number_is_named(values, fault):
    with pytest.raises(DataError) as error:
        rated(block(values), "x", 4)
    assert fault in str(error.value)


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["1", "0"]),
        pa.array(["1.0", "0.0"]),
        pa.array(["True", "False"]),
        pa.array(["true", "FALSE"]),
        pa.array([True, False]),
        pa.array([1, 0], pa.uint8()),
        pa.array([1, 0], pa.float32()),
        pa.array([Decimal("1.0"), Decimal("0.0")]),
        pa.array(np.array([1, 0], np.float16)),
    ],
)
def test_labels_of_any_type(values):
    found = block(values).labels("x")
    assert found.tolist() == [1, 0]
    assert found.dtype == np.float32


@pytest.mark.parametrize("wrong", ["2", "-1", "0.9999999999", "yes", "nan", "", "truer", "1,0"])
def test_what_is_no_label_is_named(wrong):
    with pytest.raises(DataError, match="row 12: column x"):
        block(pa.array(["1", wrong])).labels("x")


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**60 + 1])
def test_a_number_that_would_be_rounded_is_named(number):
    for values in (pa.array([0, number]), pa.array(["0", str(number)])):
        with pytest.raises(DataError, match=r"row 12.* is a whole number beyond 2\^53 that no float64 equals"):
            block(values).numbers("x", np.float64)


@pytest.mark.parametrize("number", [2**24 + 1, 2**53, 2**60, -(2**62), 1_700_000_000_000_000])
def test_large_numbers_that_float64_holds_are_read(number):
    for values in (pa.array([number]), pa.array([str(number)])):
        assert int(block(values).numbers("x", np.float64)[0]) == number
