"""Sizes by the rank of frequencies."""

import pytest
import torch

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
