import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.factorization.blocks import blocks_of


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.integers(1, 60), st.integers(1, 5))
@settings(deadline=None, max_examples=100)
def test_blocks_hold_every_row_once_under_its_value(ids, cells, most_values):
    column = torch.tensor(ids)
    blocks = blocks_of(column, 12, cells, most_values)
    found = []
    for block in blocks:
        assert len(block.values) <= most_values
        assert block.rows.numel() <= max(cells, block.rows.shape[1])
        for value, rows in zip(block.values.tolist(), block.rows.tolist(), strict=True):
            own = [row for row in rows if row < len(ids)]
            assert all(row == len(ids) for row in rows[len(own) :]), "what fills up stands last"
            found += [(value, row) for row in own]
    assert sorted(found) == sorted((value, row) for row, value in enumerate(ids))
    assert len({value for block in blocks for value in block.values.tolist()}) == len(set(ids))


def test_values_of_similar_count_share_a_block():
    ids = torch.repeat_interleave(torch.arange(100), torch.arange(100) + 1)
    blocks = blocks_of(ids, 100, 1000)
    assert sum(block.rows.numel() for block in blocks) < 1.3 * len(ids)
