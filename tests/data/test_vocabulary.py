from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.known_values import KnownValues
from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.data.vocabulary import codes_of, encode, raw_values
from cadc.randomness import numpy_generator
from tests.support.helpers import ListSource, decode

TEXTS = st.sampled_from(["b", "a", "é", "10", "9", ""])
NUMBERS = st.integers(-3, 3)


def naive_vocabulary(counts):
    """Values by descending count, ties in ascending order, those without training rows left out."""
    return sorted((value for value in counts if counts[value] > 0), key=lambda value: (-counts[value], value))


@given(
    st.one_of(
        st.lists(st.tuples(TEXTS, st.integers(0, 4)), min_size=1),
        st.lists(st.tuples(NUMBERS, st.integers(0, 4)), min_size=1),
    )
)
@settings(deadline=None, max_examples=150)
def test_ids_follow_descending_weight_and_zero_is_unknown(rows):
    values, weights = (list(column) for column in zip(*rows, strict=True))
    counts = Counter()
    for value, weight in rows:
        if value != "":
            counts[value] += weight
    expected = naive_vocabulary(counts)
    ids, vocabulary = encode(np.array(values), np.array(weights, float))
    assert vocabulary.tolist() == expected
    assert ids.tolist() == [expected.index(value) + 1 if value in expected else 0 for value in values]
    texts = pa.array([str(value) for value in values], pa.string())
    assert KnownValues(vocabulary).ids(texts).tolist() == ids.tolist()


def test_none_and_nan_are_missing():
    ids, vocabulary = encode(np.array(["x", None, np.nan, "", "y", "x"], dtype=object))
    assert ids.tolist() == [1, 0, 0, 0, 2, 1]
    assert vocabulary.tolist() == ["x", "y"]


@pytest.mark.parametrize("arrow", [False, True])
def test_codes_go_on_from_one_chunk_to_the_next_and_missing_values_have_none(arrow):
    known = {}
    chunks = [["b", "", "a", "b"], [], ["c", "a", ""]]
    codes = [
        codes_of(pa.array(chunk, pa.string()) if arrow else np.array(chunk, dtype=object), known) for chunk in chunks
    ]
    assert [part.tolist() for part in codes] == [[0, -1, 1, 0], [], [2, 1, -1]]
    assert {part.dtype for part in codes} == {np.dtype(np.int32)}
    assert known == {"b": 0, "a": 1, "c": 2}


def test_values_take_the_memory_of_their_own_lengths_and_keep_their_last_character():
    known = {"x" * 1_000_000: 0, "a\0": 1, "a": 2, **{f"i{n}": n for n in range(3, 20_000)}}
    values = raw_values(known)
    assert values.nbytes < 1_000_000
    assert values.tolist() == list(known)
    ids, vocabulary = encode(values)
    assert vocabulary[ids - 1].tolist() == list(known)


ROW = st.tuples(st.integers(0, 5), st.integers(0, 6), st.booleans(), st.sampled_from(["am", "pm", "night", ""]))


@given(
    st.lists(ROW, min_size=20, max_size=60),
    st.lists(st.sampled_from(["F", "M", ""]), min_size=6, max_size=6),
    st.lists(st.lists(st.sampled_from("stuv"), max_size=3), min_size=7, max_size=7),
    st.integers(0, 5),
)
@settings(deadline=None, max_examples=20)
def test_vocabularies_of_a_log_count_its_training_rows_alone(rows, genders, tags, split_seed):
    log = prepare(ListSource(rows, genders, tags), RandomSplit(0.2, 0.2), split_seed)
    counts = {name: Counter() for name in ("user", "gender", "item", "tags", "hour")}
    for row in log.column("row", "train"):
        user, item, _, hour = rows[row]
        counts["user"][100 + user] += 1
        counts["item"][200 + item] += 1
        counts["gender"][genders[user]] += 1
        counts["hour"][hour] += 1
        counts["tags"].update(tags[item])
    expected = {name: naive_vocabulary(Counter({v: n for v, n in c.items() if v != ""})) for name, c in counts.items()}
    for name, values in expected.items():
        assert log.vocabulary(name).tolist() == values, name
        assert log.schema[name].vocabulary_size == len(values) + 1
    for split in SPLITS:
        found = decode(log, log.rows(split))
        for place, row in enumerate(log.column("row", split)):
            user, item, label, hour = rows[row]
            raw = {"user": 100 + user, "item": 200 + item, "gender": genders[user], "hour": hour}
            for name, value in raw.items():
                assert found[name][place] == (value if value in expected[name] else None)
            known = sorted(tag for tag in tags[item] if tag in expected["tags"])
            assert [tag for tag in found["tags"][place] if tag is not None] == known
            assert bool(log.column("label", split)[place]) == label


@pytest.mark.parametrize("split", ["validation", "test"])
def test_user_outside_the_training_rows_is_unknown(split):
    rng = np.random.default_rng(0)
    rows = [(int(u), int(i), int(y), "am") for u, i, y in rng.integers(0, [5, 7, 2], size=(100, 3))]
    place = RandomSplit().assign(100, numpy_generator(0, "split"))
    lonely = int(np.flatnonzero(place == SPLITS.index(split))[0])
    rows[lonely] = (5, *rows[lonely][1:])
    log = prepare(ListSource(rows, ["F"] * 5 + ["M"], [["s"]] * 7), RandomSplit())
    at = log.rows(split)[np.flatnonzero(log.column("row", split) == lonely)]
    ids = dict(zip((field.name for field in log.schema.single), log.gather(at).ids[0].tolist(), strict=True))
    assert ids["user"] == 0
    assert ids["gender"] == 0, "its gender is in no training row either"
    assert ids["item"] > 0
    assert log.schema["user"].vocabulary_size == 6
    assert log.entity_keys("user").tolist()[-1] == 105
