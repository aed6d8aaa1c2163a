"""Rows stay in the part that the data gives them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.raw import Chunk, EntityTable, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.source import Source
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split import SPLITS, GivenSplit, LeaveOneOutSplit, RandomSplit
from cadc.errors import DataError, UsageError
from cadc.randomness import numpy_generator


class Parts(Source):
    """Rows of one user and made-up items that give their part, in chunks of some length."""

    name = "parts"

    def __init__(self, part, chunk_rows=7):
        self.part, self.chunk_rows = [int(at) for at in part], chunk_rows

    def fingerprint(self):
        return {}

    def edition(self, fingerprint):
        return "generated"

    def read(self):
        part = np.array(self.part, np.uint8)
        item = np.arange(len(part), dtype=np.int32) % 5
        chunks = [
            Chunk((item[at] % 2).astype(np.float32), {"item": item[at]}, part=part[at])
            for at in (slice(first, first + self.chunk_rows) for first in range(0, len(part), self.chunk_rows))
        ]
        return RawLog(Schema((Field("item", "item"),)), {"item": EntityTable(np.arange(5))}, chunks)


def rows_of(log):
    return [log.column("row", name).tolist() for name in SPLITS]


def test_rows_stay_where_the_data_puts_them():
    part = np.random.default_rng(0).integers(3, size=200)
    assert rows_of(prepare(Parts(part), GivenSplit())) == [np.flatnonzero(part == at).tolist() for at in range(3)]


@given(st.lists(st.sampled_from([0, 0, 0, 2]), min_size=30, max_size=200), st.integers(0, 2**31))
@settings(deadline=None, max_examples=100)
def test_validation_rows_are_drawn_from_training_rows_alone_and_their_share_is_met(part, seed):
    part = np.array([0, 0, 2, *part], np.uint8)
    place = GivenSplit(0.25).assign(len(part), numpy_generator(seed, "split"), part)
    assert ((place == 2) == (part == 2)).all()
    assert (place == 1).sum() == round(0.25 * (part == 0).sum())


def test_validation_rows_depend_on_the_seed_and_not_on_chunks():
    part = np.resize([0, 0, 0, 2], 300)
    first, again, other = (
        rows_of(prepare(Parts(part, chunk_rows), GivenSplit(), seed)) for chunk_rows, seed in ((7, 0), (300, 0), (7, 1))
    )
    assert first == again
    assert first[1] != other[1]
    assert first[2] == other[2]


def test_validation_rows_are_drawn_without_regard_to_their_place():
    place = GivenSplit().assign(100_001, numpy_generator(0, "split"), np.array([0] * 100_000 + [2], np.uint8))
    # The mean place of 10,000 rows has a standard deviation of 274.
    assert abs(np.flatnonzero(place == 1).mean() - 50_000) < 5 * 274


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ([0] * 9 + [1], "none of its 10 rows to the test part"),
        ([1] * 9 + [2], "none of its 10 rows to the training part"),
        ([0] * 4 + [2], "0.1 of its 4 training rows are 0"),
    ],
)
def test_parts_without_rows_are_named(part, said):
    with pytest.raises(DataError, match=said):
        prepare(Parts(part), GivenSplit())


def test_a_source_without_parts_is_named():
    with pytest.raises(DataError, match=r"synthetic gives its rows no parts, which GivenSplit needs"):
        prepare(Synthetic(n_rows=50), GivenSplit())


def test_another_split_ignores_the_parts_and_says_so():
    part = np.resize([0, 1, 2], 90)
    log = prepare(Parts(part), RandomSplit())
    assert rows_of(log) == rows_of(prepare(Parts(part * 0), RandomSplit()))
    assert [remark for remark in log.meta["remarks"] if "data/split=given keeps them" in remark]
    with pytest.raises(DataError, match="no column user"):
        prepare(Parts(part), LeaveOneOutSplit())


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_leaves_no_part_is_a_usage_error(share):
    with pytest.raises(UsageError, match=r"data\.split\.validation"):
        GivenSplit(share)
