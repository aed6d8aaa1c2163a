"""Bags of a table: blanks around a value and empty values do not count; a repeated value counts as often."""

import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources.movies import genres_of
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit

VALUES = ["a", "B c", "é", "Sci-Fi"]
BLANK = st.sampled_from(["", " ", "  ", "\t", "\N{NO-BREAK SPACE}", "\N{EM SPACE}"])


def spelled(draw, values, separator):
    """Write a bag with any blanks, and with separators that enclose nothing."""
    parts = [f"{draw(BLANK)}{value}{draw(BLANK)}" for value in values]
    return separator.join([*([""] if draw(st.booleans()) else []), *parts, *([""] if draw(st.booleans()) else [])])


@given(
    data=st.data(),
    bags=st.lists(st.lists(st.sampled_from(VALUES), max_size=3), min_size=5, max_size=5),
    separator=st.sampled_from(["|", ";", " / ", "~"]),
)
@settings(deadline=None, max_examples=25)
def test_spellings_of_a_bag_are_one_bag(data, bags, separator):
    rows = [f'i{row % 5},{row % 2},"{spelled(data.draw, bags[row % 5], separator)}"\n' for row in range(30)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_text("item,y,tags\n" + "".join(rows), encoding="utf-8")
        source = Table(str(path), item="item", label="y", item_bags=["tags"], bag_separator=separator)
        table = source.read()
        for _ in table.chunks:
            pass
        entities = table.entities["item"]
    found = entities.bags["tags"]
    for row, key in enumerate(entities.keys):
        own = found.values[found.offsets[row] : found.offsets[row + 1]]
        assert own.tolist() == bags[int(key[1:])]


def test_two_genres_spelled_in_two_ways_are_two(tmp_path):
    path = tmp_path / "log.csv"
    rows = [
        f"{row % 30},{row % 20},{row % 3 % 2},{['Sci-Fi|Drama', 'Drama | Sci-Fi'][row % 2]}\n" for row in range(400)
    ]
    path.write_text("user,item,label,genres\n" + "".join(rows))
    log = prepare(Table(str(path), user="user", item="item", label="label", item_bags=["genres"]), RandomSplit())
    assert sorted(log.vocabulary("genres")) == ["Drama", "Sci-Fi"]
    assert genres_of(["Drama | Sci-Fi|"]) == [["Drama", "Sci-Fi"]]


def test_memory_follows_the_bytes_of_the_values_however_long_one_is(tmp_path):
    path, longest = tmp_path / "log.csv", 100_000
    columns = [[f"{name}{row % 3000}" for row in range(6000)] for name in "uikct"]
    for column in columns:
        column[0] = column[3000] = column[0][0] + "x" * longest
    lines = [f"{u},{i},{row % 2},{k},{c},{t}|b\n" for row, (u, i, k, c, t) in enumerate(zip(*columns, strict=True))]
    path.write_text("user,item,label,kind,hour,tags\n" + "".join(lines))
    features = {"item_fields": ["kind"], "context_fields": ["hour"], "item_bags": ["tags"]}
    tracemalloc.start()
    try:
        log = prepare(Table(str(path), user="user", item="item", label="label", **features), RandomSplit())
        for name in ("user", "item", "kind", "hour", "tags"):
            assert max(map(len, log.vocabulary(name))) == longest + 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # An array of fixed width has 4 · 100,000 · 3,000 bytes for each column.
    assert peak < 100_000_000
