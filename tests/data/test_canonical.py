"""Every type in which a file may keep a category gives the same text, or a sentence."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.canonical import NotCategorical, canonical_texts

WHOLE_TYPES = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.float16(), pa.float32(), pa.float64()),
    *(pa.decimal32(6, 2), pa.decimal64(12, 2), pa.decimal128(20, 3), pa.decimal256(50, 3)),
]
TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]


def array(values, kind):
    if pa.types.is_decimal(kind):
        values = [None if value is None else Decimal(value) for value in values]
    if kind == pa.float16():
        values = [None if value is None else np.float16(value) for value in values]
    if kind in TEXT_TYPES[3:]:
        values = [None if value is None else value.encode() for value in values]
    return pa.array(values, kind)


@given(
    st.lists(st.none() | st.integers(-128, 127)),
    st.sampled_from(WHOLE_TYPES),
    st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_a_whole_number_of_any_type_is_its_digits(values, kind, as_dictionary):
    found = array(values, kind)
    if as_dictionary and not pa.types.is_decimal(kind) and kind != pa.float16():
        found = found.dictionary_encode()
    assert canonical_texts(found).to_pylist() == ["" if value is None else str(value) for value in values]


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8"))), st.sampled_from(TEXT_TYPES), st.booleans())
@settings(deadline=None, max_examples=150)
def test_a_text_of_any_type_stays_as_it_is(values, kind, as_dictionary):
    found = array(values, kind)
    if as_dictionary and kind not in (pa.string_view(), pa.binary_view()):
        found = found.dictionary_encode()
    assert canonical_texts(found).to_pylist() == [value or "" for value in values]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", ""]),
        (pa.array([-(2**63)], pa.int64()), ["-9223372036854775808"]),
        (pa.array([2.0**53 - 1, 1 - 2.0**53, -0.0, float("nan")]), ["9007199254740991", "-9007199254740991", "0", ""]),
        (pa.array([2.0**24 - 1], pa.float32()), ["16777215"]),
        (pa.array([Decimal(10**37)], pa.decimal128(38, 0)), [str(10**37)]),
        (pa.array([True, False, None]), ["true", "false", ""]),
        (pa.nulls(2), ["", ""]),
        (pa.array([dt.date(2024, 2, 29), None], pa.date32()), ["2024-02-29", ""]),
        (pa.array([dt.date(2024, 2, 29)], pa.date64()), ["2024-02-29"]),
        (pa.array([b"ab"], pa.binary(2)), ["ab"]),
        (pa.array(["03", " 3", "NA", "nan", "null", "None", "1.0"]), ["03", " 3", "NA", "nan", "null", "None", "1.0"]),
    ],
)
def test_what_else_can_be_a_category(values, texts):
    assert canonical_texts(values).to_pylist() == texts


@pytest.mark.parametrize(
    ("values", "at", "fault"),
    [
        (pa.array([1.0, 1.5]), 1, "has a fraction"),
        (pa.array([Decimal("1.0"), Decimal("1.5")]), 1, "has a fraction"),
        (pa.array([0.0, 2.0**53]), 1, "is not below 9,007,199,254,740,992"),
        (pa.array([0.0, 2.0**24], pa.float32()), 1, "is not below 16,777,216"),
        (pa.array([np.float16(2048)]), 0, "is not below 2,048"),
        (pa.array([float("-inf")]), 0, "is not below"),
        (pa.array([b"a", b"\xff"]), 1, "is not text in UTF-8"),
        (pa.array([b"a", b"\xff"]).view(pa.string()), 1, "is not text in UTF-8"),
        (pa.array([[1]]), None, "holds list<item: int64>"),
        (pa.array([{"a": 1}]), None, "holds struct"),
        (pa.array([dt.datetime(2024, 1, 1)]), None, "holds timestamp[us]"),
        (pa.array([dt.timedelta(1)]), None, "holds duration"),
    ],
)
def test_what_cannot_be_a_category_is_named(values, at, fault):
    with pytest.raises(NotCategorical, match=fault.replace("[", r"\[")) as error:
        canonical_texts(values)
    assert error.value.at == at
