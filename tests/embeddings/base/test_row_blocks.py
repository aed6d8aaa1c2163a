"""Blocks of random rows hold the numbers that are drawn at once."""

import pytest
import torch

from cadc.embeddings.base.row_blocks import DrawnRows
from cadc.embeddings.coding.rows import CHUNK


@pytest.mark.parametrize("n_rows", [1, 15, CHUNK - 1, CHUNK, CHUNK + 3, CHUNK + 16, 2 * CHUNK + 7])
@pytest.mark.parametrize("dim", [1, 3, 4])
def test_blocks_are_the_numbers_that_are_drawn_at_once(n_rows, dim):
    expected = 0.5 * torch.randn(n_rows, dim, generator=torch.Generator().manual_seed(3))
    expected[0] = 0
    drawn = DrawnRows((n_rows, dim), 0.5, torch.Generator().manual_seed(3))
    assert torch.equal(drawn.whole(), expected)
    assert torch.equal(drawn.whole(), expected)
    assert max(len(block) for block in drawn) < CHUNK + 16
