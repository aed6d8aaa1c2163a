"""The order of rows in blocks: all rows once, blocks read together, found at any place, made of the seed alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.batches import BatchLoader
from cadc.data.orders import block_order
from cadc.data.orders.block_order import BlockOrder
from tests.data.test_batches import Numbers, walk


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(block_order, "BLOCK_ROWS", 4)
    monkeypatch.setattr(block_order, "WINDOW_BLOCKS", 3)
    monkeypatch.setattr(block_order, "WINDOW_ROWS", 12)


def order(n_rows, seed=0):
    return BlockOrder(n_rows, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n_rows", [0, 1, 3, 4, 11, 12, 13, 24, 50, 97])
def test_every_row_has_one_place(n_rows):
    found = order(n_rows).places(0, n_rows) if n_rows else torch.empty(0)
    assert sorted(found.tolist()) == list(range(n_rows))


def test_rows_of_a_window_come_from_few_blocks_and_are_shuffled():
    found = order(960).places(0, 960).view(-1, 12)
    assert all(len({*(window // 4).tolist()}) == 3 for window in found)
    assert sum(window.tolist() == window.sort().values.tolist() for window in found) < 3
    blocks = [int(window[0]) // 4 for window in found]
    assert blocks != sorted(blocks), "blocks are shuffled, too"


def test_the_seed_alone_makes_the_order():
    assert torch.equal(order(97).places(0, 97), order(97).places(0, 97))
    assert not torch.equal(order(97).places(0, 97), order(97, seed=1).places(0, 97))


@given(n_rows=st.integers(1, 100), cuts=st.lists(st.integers(0, 100), max_size=5))
@settings(deadline=None, max_examples=60)
def test_any_part_is_that_of_the_whole(n_rows, cuts):
    whole, own = order(n_rows).places(0, n_rows).tolist(), order(n_rows)
    for first in cuts:
        if first < n_rows:
            assert own.places(first, first + 7).tolist() == whole[first : first + 7]


@given(n_rows=st.integers(1, 100), batch_size=st.integers(1, 30), n_batches=st.integers(0, 20))
@settings(deadline=None, max_examples=60)
def test_a_walk_that_is_broken_off_goes_on_in_the_middle(n_rows, batch_size, n_batches):
    def loader(seed):
        generator = torch.Generator().manual_seed(seed)
        return BatchLoader(Numbers(), torch.arange(n_rows), batch_size, generator, in_blocks=True)

    plain = loader(7)
    expected = [*walk(plain), *walk(plain)]
    current, found = loader(7), []
    for _, batch in zip(range(n_batches), current, strict=False):
        found.append(batch.tolist())
    resumed = loader(99)
    resumed.load_state_dict(current.state_dict())
    while len(found) < len(expected):
        found += walk(resumed)
    assert found[: len(expected)] == expected
    assert sorted(row for batch in walk(loader(7)) for row in batch) == list(range(n_rows))
