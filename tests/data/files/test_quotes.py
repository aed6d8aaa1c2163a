"""Quoted values are found as a reader that goes character by character finds them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.files.quotes import Quotes


def one_by_one(text: str) -> tuple[list[bool], tuple[int, int] | None]:
    """Return for each character whether it is inside quotes, and the first value that is followed by text."""
    inside, fault, opened, at = [], None, None, 0
    while at < len(text):
        if opened is None:
            if text[at] == '"' and (at == 0 or text[at - 1] in ",\r\n"):
                opened = at
            inside.append(False)
        elif text[at] != '"':
            inside.append(True)
        elif text[at + 1 : at + 2] == '"':
            inside += [True, True]
            at += 1
        else:
            if text[at + 1 : at + 2] not in ("", ",", "\r", "\n"):
                fault = fault or (opened, at)
            opened = None
            inside.append(False)
        at += 1
    return inside, fault


@settings(deadline=None, max_examples=400)
@given(st.text('",\n\rab', max_size=40))
def test_quotes_are_those_that_a_reader_of_single_characters_finds(text):
    quotes = Quotes(text.encode(), b",")
    inside, fault = one_by_one(text)
    others = [at for at, character in enumerate(text) if character != '"']
    assert quotes.contain(np.array(others, np.int64)).tolist() == [inside[at] for at in others]
    assert quotes.followed_by_text() == fault


@pytest.mark.parametrize(
    ("text", "is_open"), [('a,"b', True), ('"a""', True), ('"a"', False), ('"a"""', False), ('"', True)]
)
def test_value_that_is_not_closed_ends_with_the_text(text, is_open):
    quotes = Quotes(text.encode(), b",")
    assert (quotes.ends[-1] == len(text)) == is_open
