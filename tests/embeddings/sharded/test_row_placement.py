"""Rows lie evenly in processes, each in one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.embeddings.sharded.row_placement import RowPlacement
from cadc.errors import UsageError


@given(st.integers(1, 3000), st.integers(1, 9))
def test_each_row_has_a_place_of_its_own_in_one_process(n_rows, n_processes):
    if n_processes > n_rows:
        with pytest.raises(UsageError, match="one process for a row"):
            RowPlacement(n_rows, n_processes)
        return
    placement = RowPlacement(n_rows, n_processes)
    rows = torch.arange(n_rows)
    places = placement.places(rows)
    assert torch.equal(places.sort().values, rows)
    assert torch.equal(placement.rows(places), rows)
    held = [place for process in range(n_processes) for place in placement.held(process)]
    assert held == list(range(n_rows))
    assert placement.sent_to(rows).tolist() == [len(placement.held(process)) for process in range(n_processes)]


@pytest.mark.parametrize("n_rows", [10_000, 999_983])
def test_frequent_rows_and_those_of_a_field_are_shared_evenly(n_rows):
    placement = RowPlacement(n_rows, 8)
    for first, n in ((0, 100), (n_rows // 2, 1000)):
        found = placement.sent_to(placement.places(torch.arange(first, first + n)).sort().values)
        assert found.sum() == n
        assert (found - n / 8).abs().max() <= 0.1 * n / 8 + 2


def test_rows_of_criteo_have_places():
    n_rows = 204_184_588
    rows = torch.tensor([0, 1, n_rows - 1])
    placement = RowPlacement(n_rows, 8)
    assert torch.equal(placement.rows(placement.places(rows)), rows)
    with pytest.raises(UsageError, match="at most"):
        RowPlacement(3_000_000_001, 8)
