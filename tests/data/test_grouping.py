"""Rows grouped part by part lie as NumPy sorts them at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data import grouping
from cadc.data.grouping import counts_of, grouped_order
from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split import chronological
from cadc.data.split.chronological import ChronologicalSplit, rows_from_the_end


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(1, 50), st.sampled_from([np.int32, np.int64]))
@settings(deadline=None, max_examples=100)
def test_order_is_that_of_a_stable_sort_and_counts_are_those_of_bincount(numbers, part_rows, dtype):
    column = np.array(numbers, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "PART_ROWS", part_rows)
        counts = counts_of(column, 5)
        assert counts.tolist() == np.bincount(column, minlength=5).tolist()
        assert grouped_order(column, counts).tolist() == np.argsort(column, kind="stable").tolist()


def test_positions_in_histories_do_not_depend_on_the_size_of_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    user, time = rng.integers(0, 30, 2000).astype(np.int32), rng.integers(0, 50, 2000)

    def positions():
        found = np.empty((2000, 2), np.int64)
        for rows, from_end, count in rows_from_the_end(user, time, np.random.default_rng(1)):
            found[rows] = np.stack([from_end, count], 1)
        return found.tolist()

    at_once = positions()
    monkeypatch.setattr(chronological, "BLOCK_ROWS", 90)
    monkeypatch.setattr(grouping, "PART_ROWS", 70)
    assert positions() == at_once


def test_prepared_content_does_not_depend_on_the_size_of_blocks(monkeypatch, tmp_path):
    source, split = Synthetic(n_rows=3000), ChronologicalSplit()
    at_once = prepare(source, split)
    for module in ("cadc.data.prepare", "cadc.data.log_writer", "cadc.data.split.chronological"):
        monkeypatch.setattr(f"{module}.BLOCK_ROWS", 97)
    monkeypatch.setattr("cadc.data.remarks.copies.BLOCK_ROWS", 97)
    monkeypatch.setattr(grouping, "PART_ROWS", 97)
    monkeypatch.setenv("CADC_CACHE", str(tmp_path))
    in_blocks = prepare(source, split)
    assert in_blocks.folder != at_once.folder, "prepared anew"
    assert in_blocks.content_hash == at_once.content_hash
