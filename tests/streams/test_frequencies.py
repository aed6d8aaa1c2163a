"""Mean sizes by frequency."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.streams.frequencies import sizes_by_frequency

IDS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 16)), max_size=40)


@given(IDS, st.integers(1, 12))
def test_groups_are_those_of_a_sorted_list(ids, n_groups):
    counts, sizes = (torch.tensor([0, *(own[place] for own in ids)]) for place in (0, 1))
    ordered = sorted(ids, key=lambda own: own[0])
    whole, rest = divmod(len(ids), min(n_groups, len(ids)) or 1)
    expected, at = [], 0
    for group in range(min(n_groups, len(ids))):
        own = ordered[at : at + whole + (group < rest)]
        at += len(own)
        expected.append(tuple(round(sum(column) / len(own), 4) for column in zip(*own, strict=True)))
    found = sizes_by_frequency(counts, sizes, n_groups)
    assert torch.allclose(
        torch.tensor([*zip(found["frequency"], found["size"], strict=True)]), torch.tensor(expected), atol=1e-4
    )


def test_unknown_is_in_no_group():
    found = sizes_by_frequency(torch.tensor([100, 1]), torch.tensor([50, 2]))
    assert found == {"frequency": [1.0], "size": [2.0]}
