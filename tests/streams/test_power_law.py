"""Sizes by the rank of frequencies."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.streams.power_law import by_rank, sizes_of_action
from cadc.testing import made_up_state


def test_weights_are_the_closed_form_of_the_power_law():
    counts = torch.tensor([0, 7, 9, 1, 3])
    expected = {9: 5, 7: 4, 3: 3, 1: 2, 0: 1}
    for count, weight in zip(counts.tolist(), by_rank(counts, 1 / 0.3).tolist(), strict=True):
        assert weight == pytest.approx((expected[count] / 6) ** (1 / 0.3))


def test_the_mean_weight_of_many_rows_is_that_of_the_integral():
    weight = by_rank(torch.arange(20_000), exponent=1 / 0.5)
    assert float(weight.max() / weight.mean()) == pytest.approx(1 + 1 / 0.5, rel=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_users_have_their_share_as_far_as_bounds_allow(share):
    state = made_up_state(2, mean_size=4, most=6)
    sizes = sizes_of_action(state, torch.tensor([share, 0.5, 0.5]))
    n_users, n_items = (len(own) for own in state.counts.values())
    wanted = min(
        max(round(share * state.total), n_users, state.total - 6 * n_items), 6 * n_users, state.total - n_items
    )
    assert int(sizes["user"].sum()) == wanted
    assert int(sizes["item"].sum()) == state.total - wanted


def test_the_second_and_third_number_make_sizes_alike_or_steep():
    state = made_up_state(2, mean_size=4, most=12)
    sizes = sizes_of_action(state, torch.tensor([0.5, 1.0, 0.0]))
    assert int(sizes["user"].max() - sizes["user"].min()) <= 1
    most = state.counts["item"].argsort(descending=True)
    assert int(sizes["item"][most[0]]) == 12
    assert int(sizes["item"][most[-1]]) == 1


@given(
    st.lists(st.integers(0, 500), min_size=2, max_size=40),
    st.lists(st.integers(0, 500), min_size=2, max_size=40),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.data(),
)
@settings(deadline=None, max_examples=80)
def test_any_action_meets_any_budget_exactly(users, items, action, data):
    n, most = len(users) + len(items), data.draw(st.integers(1, 20))
    total = data.draw(st.integers(n, (most + 1) * n))
    counts = {"user": torch.tensor(users), "item": torch.tensor(items)}
    state = replace(made_up_state(0), counts=counts, total=total, most=most)
    sizes = sizes_of_action(state, torch.tensor(action))
    state.require_within(sizes, "test")
    assert sum(int(own.sum()) for own in sizes.values()) == min(total, most * n)
    for side, own in sizes.items():
        by_rank = own[counts[side].argsort(descending=True, stable=True)]
        assert bool((by_rank.diff() <= 1).all())  # rarer, not longer, but for what is left over
