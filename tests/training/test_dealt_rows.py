"""Rows are dealt out to the ranks of a Trainer without repetition."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.training.dealt_rows import DealtRows


class Rows(torch.utils.data.Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, place):
        return place


def dealt(n_rows, batch_size, size, order=None):
    return [DealtRows(Rows(n_rows), batch_size, rank, size, order) for rank in range(size)]


@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 4))
def test_every_row_is_dealt_out_once_and_all_ranks_take_as_many_steps(n_rows, batch_size, size):
    ranks = dealt(n_rows, batch_size, size)
    places = [list(own) for own in ranks]
    assert [len(own) for own in ranks] == [len(own) for own in places]
    assert len({-(-len(own) // batch_size) for own in places}) == 1
    real = []
    for own, given_places in zip(ranks, places, strict=True):
        for first in range(0, len(given_places), batch_size):
            plain, weights = own.plain(given_places[first : first + batch_size])
            real += [int(row) for number, row in enumerate(plain) if weights is None or weights[number] > 0]
    assert sorted(real) == list(range(n_rows))


@given(st.integers(1, 60), st.integers(1, 7), st.integers(2, 4))
def test_the_mean_over_ranks_of_weighted_means_is_the_mean_over_rows(n_rows, batch_size, size):
    values = torch.arange(n_rows, dtype=torch.float64) ** 2
    ranks, order = dealt(n_rows, batch_size, size), torch.arange(n_rows)
    each = [list(own) for own in ranks]
    for step, whole in enumerate(order.split(batch_size * size)):
        means = []
        for own, places in zip(ranks, each, strict=True):
            plain, weights = own.plain(places[step * batch_size : (step + 1) * batch_size])
            weights = torch.ones(len(plain)) if weights is None else weights
            means.append((values[plain] * weights).mean())
        assert float(torch.stack(means).mean()) == pytest.approx(float(values[whole].mean()), rel=1e-6)


def test_all_ranks_follow_one_order():
    order = [3, 1, 4, 0, 2, 5]
    first, second = dealt(6, 1, 2, order)
    assert list(first) == [3, 4, 2]
    assert list(second) == [1, 0, 5]
