"""Stretches of a flat vector are read as a loop reads them, and their gradients are those of indexing."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.embeddings.coding.windows import windows_of


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_windows_are_those_of_a_loop(lengths, seed):
    width, generator = 5, torch.Generator().manual_seed(seed)
    size = torch.tensor(lengths)
    first = size.cumsum(0) - size
    flat = torch.randn(sum(lengths) + width, generator=generator, dtype=torch.float64, requires_grad=True)
    rows = torch.randint(len(lengths), (20,), generator=generator)
    weight = torch.randn(20, width, generator=generator, dtype=torch.float64)

    found = windows_of(flat, first[rows], size[rows], width)
    (found * weight).sum().backward()
    gradient, flat.grad = flat.grad, None

    looped = torch.stack(
        [torch.cat([flat[first[row] : first[row] + size[row]], torch.zeros(width - lengths[row])]) for row in rows]
    )
    (looped * weight).sum().backward()
    torch.testing.assert_close(found, looped, rtol=0, atol=0)
    torch.testing.assert_close(gradient, flat.grad)
