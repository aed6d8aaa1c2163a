"""A damaged file is read as a naive reader reads it, or refused with a sentence that names it."""

import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadc.data.files import token_lines
from cadc.data.sources import LibFM, LightGCN, RecBole
from cadc.errors import CadcError
from tests.data.layouts.made_up import raw_rows

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
BITS = [
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"  ",
    b"\t",
    b":",
    b"-",
    b".",
    b"9" * 19,
    b"x",
    b'"',
    b"\xff",
    "٣".encode(),
    b"1e3",
]
BITS += [b"\xef\xbb\xbf", b"nan", b"", b"0", b"1"]
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(BITS)), min_size=0, max_size=3)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def damaged(content, damage):
    for place, n_removed, added in damage:
        at = int(place * len(content))
        content = content[:at] + added + content[at + n_removed :]
    return content


def lines_of(content):
    """Lines of a text, as a naive reader cuts them."""
    text = content.decode().removeprefix("\ufeff")
    assert "\0" not in text
    return text.replace("\r\n", "\n").split("\n")


def tokens_of(content):
    return [tokens for line in lines_of(content) if (tokens := re.findall(r"[^ \t]+", line))]


def whole(text):
    assert re.fullmatch(r"[0-9]{1,18}", text)
    return int(text)


def number(text):
    assert re.fullmatch(NUMBER, text, re.ASCII) and math.isfinite(float(text))
    return float(text)


def naive_lightgcn(content):
    return [(None, 1.0, whole(line[0]), whole(item)) for line in tokens_of(content) for item in line[1:]]


def naive_libfm(content):
    rows = []
    for label, *pairs in tokens_of(content):
        assert number(label) in (0, 1) and len(pairs) == 2
        row = []
        for pair in pairs:
            index, value = pair.split(":")
            assert number(value) == 1
            row.append(whole(index))
        rows.append((None, number(label), *row))
    return rows


HEAD = "user_id:token\titem_id:token\tlabel:float\tcolour:token"


def naive_recbole(content):
    head, *lines = [line for line in lines_of(content) if line]
    if head != HEAD:
        return None
    rows = []
    for line in lines:
        user, item, label, colour = line.split("\t")
        assert user and item and number(label) in (0, 1) and "\ufeff" not in (line[0], user[0])
        rows.append((None, number(label), user, item, colour))
    return rows


SOUND = {
    "lightgcn": (LightGCN, "train.txt", b"0 3 7\n1 3\n12 5 6 7\n", naive_lightgcn),
    "libfm": (LibFM, "all.libfm", b"1 3:1 10:1\n0 4:1 11:1\n1 4:1 10:1\n", naive_libfm),
    "recbole": (
        RecBole,
        "a.inter",
        HEAD.encode() + b"\nu1\t03\t1\tred\nu2\t4\t0.0\t\nu1\t4\t1\tblue sky\n",
        naive_recbole,
    ),
}


@pytest.mark.parametrize("layout", SOUND)
@MANY
@given(damage=DAMAGE, block=st.integers(1, 60))
def test_damage_is_refused_or_read_as_it_is(tmp_path_factory, layout, damage, block):
    cls, name, sound, naive = SOUND[layout]
    path = tmp_path_factory.mktemp("damaged") / name
    content = damaged(sound, damage)
    path.write_bytes(content)
    try:
        expected = naive(content)
    except (AssertionError, UnicodeDecodeError, ValueError):
        expected = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_lines, "BLOCK_BYTES", block)
        try:
            found = raw_rows(cls(str(path)))
        except CadcError as error:
            assert str(path) in str(error), error
            assert content != sound
            return
    # Other columns may be sound, and where carriage returns end lines, a naive reader cannot tell.
    assert expected is None or found == expected or b"\r" in content.replace(b"\r\n", b"\n")
