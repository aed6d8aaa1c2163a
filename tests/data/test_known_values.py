"""Raw values are looked up as they stand, then by what they mean, and are never taken for another known value."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.known_values import KnownValues

SPELLINGS = ["1", "1.0", "1.00", "01", "-1", "-1.0", "2", "2.0", "True", "true", "TRUE", "1e0", "1.5", " 1", "x", "NA"]


def meaning(text):
    """The value that a text means, worked out in another way than the one tested."""
    if text.lower() in ("true", "false"):
        return text.lower()
    head, point, tail = text.partition(".")
    is_whole = head.removeprefix("-").isdecimal() and (not point or (tail != "" and set(tail) == {"0"}))
    return head if is_whole else text


@given(st.lists(st.sampled_from(SPELLINGS), unique=True), st.lists(st.sampled_from([*SPELLINGS, ""])))
@settings(deadline=None, max_examples=200)
def test_a_text_is_itself_or_else_the_only_known_value_of_its_meaning(known, texts):
    expected = []
    for text in texts:
        same = [value for value in known if meaning(value) == meaning(text)]
        found = text if text in known else same[0] if len(same) == 1 else None
        expected.append(0 if found is None or not text else known.index(found) + 1)
    ids = KnownValues(np.array(known, object)).ids(pa.array(texts, pa.string()))
    assert ids.tolist() == expected
    assert ids.dtype == np.int32


@pytest.mark.parametrize(
    ("text", "known"), [("3", 3), ("03", 3), ("3.0", 3), ("+3", 3), ("-3", None), ("3.5", None), ("three", None)]
)
def test_values_that_are_numbers_in_the_log_are_found_by_their_number(text, known):
    ids = KnownValues(np.array([5, 3])).ids(pa.array([text]))
    assert ids.tolist() == [2 if known == 3 else 0]


def test_a_vocabulary_without_values_knows_nothing():
    assert KnownValues(np.empty(0, object)).ids(pa.array(["a", "1.0", ""])).tolist() == [0, 0, 0]
    assert KnownValues(np.array(["a"], object)).ids(pa.array([], pa.string())).tolist() == []
