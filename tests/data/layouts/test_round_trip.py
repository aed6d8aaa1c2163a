"""What is written in the layout of another framework is read back as it was: rows, parts, labels, ids and features."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadc.data import Chunk, EntityTable, Field, RaggedValues, RawLog, Schema
from cadc.data.layouts.layout import Content
from cadc.data.layouts.lenskit import LensKitFiles
from cadc.data.layouts.lightgcn import LightGCNFiles
from cadc.data.layouts.recbole import RecBoleFiles
from cadc.data.prepare import prepare
from cadc.data.sources import LightGCN, RecBole, Table
from cadc.data.sources.source import Source
from cadc.data.split import SPLITS, GivenSplit
from cadc.data.transform.none import NoTransform
from cadc.errors import DataError


class Drawn(Source):
    """A log whose rows are (part, label, user, item, time, channel, price), and words of each item."""

    name = "drawn"
    dense_transform = NoTransform

    def __init__(self, rows=(), words=None, ticks=1):
        self.rows, self.words, self.ticks = rows, words or {}, ticks

    def fingerprint(self):
        return {}

    def edition(self, fingerprint):
        return "generated"

    def read(self):
        part, label, user, item, time, channel, price = zip(*self.rows, strict=True)
        tables, places = {}, {}
        for side, column in (("user", user), ("item", item)):
            keys = list(dict.fromkeys(column))
            places[side] = np.array([keys.index(key) for key in column], np.int32)
            tables[side] = EntityTable(np.array(keys, object))
        own = [self.words.get(key, []) for key in tables["item"].keys]
        offsets = np.concatenate([[0], np.cumsum([len(words) for words in own])]).astype(np.int64)
        tables["item"].bags["words"] = RaggedValues(
            np.array([word for words in own for word in words], object), offsets
        )
        schema = Schema(
            (
                Field("user", "user"),
                Field("item", "item"),
                Field("words", "item", bag=True),
                Field("channel", "context"),
            ),
            ("price",),
        )
        chunk = Chunk(
            label=np.array(label, np.float32),
            entities=places,
            context={"channel": np.array(channel, object)},
            dense=np.array(price, np.float32)[:, None],
            time=np.array(time, np.int64),
            ticks_per_second=self.ticks,
            part=np.array(part, np.uint8),
        )
        return RawLog(schema, tables, [chunk])


def drawn_logs(texts, words, times):
    """Logs with a row of each part at least, each with the words of its items."""
    ids = st.one_of(st.integers(-5, 5).map(str), texts)

    def rows(ids_of_users, ids_of_items):
        row = st.tuples(
            st.sampled_from([0, 0, 1, 2]),
            st.integers(0, 1),
            st.sampled_from(ids_of_users),
            st.sampled_from(ids_of_items),
            times,
            st.sampled_from(["", "tv", "tv set", "03", 'a "b"']),
            st.floats(-9, 9, width=32),
        )
        first = [(part, 1, ids_of_users[0], ids_of_items[0], 7, "tv", 0.1) for part in range(3)]
        return st.lists(row, min_size=5, max_size=40).map(lambda more: [*first, *more])

    several = st.lists(ids, min_size=1, max_size=12, unique=True)
    return st.tuples(several, several).flatmap(
        lambda both: st.tuples(
            rows(*both),
            st.fixed_dictionaries({item: st.lists(words, max_size=3) for item in both[1]}),
            st.sampled_from([1, 10**3, 10**6, 10**9]),
        )
    )


PLAIN = st.characters(codec="utf-8", exclude_categories=["C", "Z"])
INSIDE = st.characters(codec="utf-8", exclude_characters="\0\t\n\r\ufeff")
COLUMN = st.text(INSIDE, min_size=1, max_size=5).filter(
    lambda text: text[0] != '"' and text.lower() not in ("na", "nan")
)
WORD = st.text(PLAIN, min_size=1, max_size=4).filter(lambda text: text[0] != '"')
TIMES = st.integers(-(2**40), 2**40)
LOGS = drawn_logs(COLUMN, WORD, TIMES)
WORDY_LOGS = drawn_logs(WORD, WORD, TIMES)
ANY_LOGS = drawn_logs(st.text(INSIDE, min_size=1, max_size=5), COLUMN, TIMES)
QUICK = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(drawn, layout, folder, positives=False):
    """Write every second training row and all others of a log, and return the log and the numbers of its raw rows."""
    rows, words, ticks = drawn
    log = prepare(Drawn(rows, words, ticks), GivenSplit())
    parts = {part: log.rows(part) for part in SPLITS}
    parts["train"] = parts["train"][::2]
    if positives:
        parts = {part: own[torch.from_numpy(log.column("label")[own.numpy()] == 1)] for part, own in parts.items()}
    vectors = {
        name: torch.randn(log.schema[name].vocabulary_size, 3, generator=torch.Generator().manual_seed(at))
        for at, name in enumerate(("user", "item", "channel"))
    }
    layout.write(Content(log, "drawn", parts, vectors), folder)
    return log, {part: log.column("row")[own.numpy()].tolist() for part, own in parts.items()}


def known(drawn, place):
    """Values of a column that occur in training."""
    return {row[place] for row in drawn[0] if row[0] == 0}


@QUICK
@given(drawn=LOGS, n_at_once=st.integers(1, 5))
def test_recbole(tmp_path_factory, drawn, n_at_once):
    folder = tmp_path_factory.mktemp("recbole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cadc.data.layouts.recbole.BLOCK_VECTORS", n_at_once)
        log, places = written(drawn, RecBoleFiles(), folder)
    rows, words, ticks = drawn
    raw = RecBole(str(folder)).read()
    chunks = list(raw.chunks)
    keys = {side: raw.entities[side].keys for side in ("user", "item")}
    channels = known(drawn, 5)
    for part, chunk in enumerate(chunks):
        own = [rows[place] for place in places[SPLITS[part]]]
        assert chunk.part.tolist() == [part] * len(own)
        assert chunk.label.tolist() == [row[1] for row in own]
        for side, place in (("user", 2), ("item", 3)):
            assert keys[side][chunk.entities[side]].tolist() == [row[place] for row in own]
        seconds = [time * ticks // chunk.ticks_per_second for time in chunk.time.tolist()]
        assert seconds == [row[4] for row in own]
        assert chunk.context["channel"].to_pylist() == [row[5] if row[5] in channels else "" for row in own]
        assert chunk.dense[:, 0].astype(np.float32).tolist() == [np.float32(row[6]) for row in own]
    words_of_training = {word for item in known(drawn, 3) for word in words.get(item, [])}
    bag = raw.entities["item"].bags["words"]
    for key, (first, last) in zip(keys["item"], pairwise(bag.offsets), strict=True):
        assert bag.values[first:last].tolist() == [word for word in words[key] if word in words_of_training]
    for side in ("user", "item"):
        lines = (folder / f"drawn.{side}emb").read_bytes().decode().removesuffix("\n").split("\n")[1:]
        found = {line.split("\t")[0]: np.array(line.split("\t")[1].split(" "), np.float32) for line in lines}
        ids = [*log.entity_keys(side)]
        assert list(found) == ids
        vocabulary = log.vocabulary(side).tolist()
        for key in ids:
            row = 1 + vocabulary.index(key) if key in vocabulary else 0
            expected = torch.randn(len(vocabulary) + 1, 3, generator=torch.Generator().manual_seed(int(side == "item")))
            np.testing.assert_array_equal(found[key], expected[row].numpy())


@QUICK
@given(drawn=ANY_LOGS)
def test_lenskit(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("lenskit")
    log, places = written(drawn, LensKitFiles(), folder)
    rows, words, ticks = drawn
    channels = known(drawn, 5) - {""}
    for part in SPLITS:
        found = pq.read_table(folder / f"{part}.parquet")
        own = [rows[place] for place in places[part]]
        assert found.column_names == ["user_id", "item_id", "rating", "timestamp", "channel", "price"]
        times = found["timestamp"].cast("int64").to_pylist()
        assert times == [row[4] for row in own]
        columns = [found[name].to_pylist() for name in ("user_id", "item_id", "rating", "channel", "price")]
        expected = [
            (row[2], row[3], row[1], row[5] if row[5] in channels and row[5] else None, np.float32(row[6]))
            for row in own
        ]
        assert list(zip(*columns, strict=True)) == expected
    paths = [str(folder / f"{part}.parquet") for part in SPLITS]
    options = {"user": "user_id", "item": "item_id", "label": "rating", "time": "timestamp"}
    table = Table(paths[0], validation_path=paths[1], test_path=paths[2], **options, dense=["price"])
    raw = table.read()
    for part, chunk in enumerate(list(raw.chunks)):
        own = [rows[place] for place in places[SPLITS[part]]]
        ids = [raw.entities[side].keys[chunk.entities[side]].tolist() for side in ("user", "item")]
        assert list(zip(chunk.label.tolist(), *ids, strict=True)) == [row[1:4] for row in own]
        assert chunk.part.tolist() == [part] * len(own)
        assert [time * ticks // chunk.ticks_per_second for time in chunk.time.tolist()] == [row[4] for row in own]
    items = pq.read_table(folder / "items.parquet")
    words_of_training = {word for item in known(drawn, 3) for word in words.get(item, [])}
    for key, own in zip(items["item_id"].to_pylist(), items["words"].to_pylist(), strict=True):
        assert own == [word for word in words[key] if word in words_of_training]
    vectors = pq.read_table(folder / "vectors_channel.parquet")
    assert vectors["value"].to_pylist() == [None, *log.vocabulary("channel")]


@QUICK
@given(drawn=WORDY_LOGS)
def test_lightgcn(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("lightgcn")
    log, places = written(drawn, LightGCNFiles(), folder, positives=True)
    rows = drawn[0]
    raw = LightGCN(str(folder), original_ids=True).read()
    found = Counter()
    for chunk in list(raw.chunks):
        keys = [raw.entities[side].keys[chunk.entities[side]].tolist() for side in ("user", "item")]
        found.update(zip(chunk.part.tolist(), *keys, strict=True))
    assert found == Counter((at, *rows[place][2:4]) for at, part in enumerate(SPLITS) for place in places[part])
    numbers = LightGCN(str(folder)).read()
    chunks = list(numbers.chunks)
    for side in ("user", "item"):
        ids = [line.split(" ") for line in (folder / f"{side}_list.txt").read_text().splitlines()[1:]]
        assert [number for _, number in ids] == [str(number) for number in range(len(ids))]
        assert sorted(key for key, _ in ids) == sorted(log.entity_keys(side))
        read = [numbers.entities[side].keys[chunk.entities[side]] for chunk in chunks if chunk.part[0] != 1]
        assert max(map(max, read)) == len(ids) - 1
        vectors = np.load(folder / f"{side}_vectors.npy")
        vocabulary = ["", *log.vocabulary(side)]
        expected = torch.randn(len(vocabulary), 3, generator=torch.Generator().manual_seed(int(side == "item"))).numpy()
        for (key, _), vector in zip(ids, vectors, strict=True):
            np.testing.assert_array_equal(vector, expected[vocabulary.index(key) if key in vocabulary else 0])


@pytest.mark.parametrize(
    ("layout", "user", "word", "sentence"),
    [
        (RecBoleFiles(), "a\tb", "w", r"the user id 'a\\tb' holds a tab"),
        (RecBoleFiles(), "a\nb", "w", r"the user id 'a\\nb' holds a tab, a line end"),
        (RecBoleFiles(), '"a', "w", "begins with a quote"),
        (RecBoleFiles(), "NA", "w", "the user id 'NA' is a missing value to pandas"),
        (RecBoleFiles(), "a", "Film Noir", "the value of words 'Film Noir' has a blank .* --without words"),
        (RecBoleFiles(), "a", "Film\xa0Noir", "has a blank"),
        (LightGCNFiles(), "a b", "w", "the user id 'a b' holds a blank"),
        (LightGCNFiles(), "a\u2028b", "w", "holds a blank"),
    ],
)
def test_what_a_layout_cannot_hold_is_refused(tmp_path, layout, user, word, sentence):
    rows = [(part, 1, user, "i", 7, "tv", 0.5) for part in range(3)]
    with pytest.raises(DataError, match=sentence):
        written((rows * 2, {"i": [word]}, 1), layout, tmp_path)
