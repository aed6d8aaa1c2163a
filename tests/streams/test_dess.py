"""What DESS is made of: diversity, growth in an order within a budget, and maps from old numbers to new ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from cadc.streams.diversity import diversity
from cadc.streams.doubling import doubled, shrunk
from cadc.streams.growth import grown_by_map
from cadc.streams.policies.dess import Dess
from cadc.streams.policy import Judged, Losses
from cadc.testing import made_up_state


def test_diversity_is_the_mean_distance_to_the_mean():
    rng = np.random.default_rng(0)
    ids, others, vectors = rng.integers(0, 5, 30), rng.integers(0, 7, 30), rng.normal(size=(7, 3))
    expected = []
    for one in range(6):
        met = vectors[others[ids == one]]
        expected.append(np.linalg.norm(met - met.mean(0), axis=1).mean() if len(met) else 0.0)
    found = diversity(torch.from_numpy(ids), torch.from_numpy(others), torch.from_numpy(vectors), 6)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=12), st.data())
@settings(deadline=None, max_examples=100)
def test_rows_double_in_their_order_until_the_budget_is_used_up(start, data):
    n, most = len(start), 8
    total = data.draw(st.integers(sum(start), 9 * n))
    order, n_wanted = data.draw(st.permutations(range(n))), data.draw(st.integers(0, n))
    expected, left = list(start), min(total, most * n) - sum(start)
    rounds = [order[:n_wanted], order[n_wanted:], *[order] * 4]
    for rows in rounds:
        for row in rows:
            step = min(min(2 * expected[row], most) - expected[row], left)
            expected[row] += step
            left -= step
    found = doubled(torch.tensor(start), total, most, torch.tensor(order), n_wanted)
    assert found.tolist() == expected
    assert sum(expected) == min(total, most * n)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=12), st.data())
@settings(deadline=None, max_examples=100)
def test_rows_are_cut_down_in_their_order_until_the_budget_holds_them(start, data):
    total, order = data.draw(st.integers(len(start), sum(start))), data.draw(st.permutations(range(len(start))))
    expected, over = list(start), sum(start) - total
    for row in order:
        step = min(expected[row] - 1, over)
        expected[row] -= step
        over -= step
    assert shrunk(torch.tensor(start), total, torch.tensor(order)).tolist() == expected


def test_new_numbers_are_ridge_regressions_on_the_old_ones():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6))
    before = torch.from_numpy(rng.integers(1, 7, 60))
    vectors = torch.from_numpy(base).float() * (torch.arange(6) < before.unsqueeze(1))
    now = (before + torch.from_numpy(rng.integers(0, 3, 60))).clamp(max=6)
    found = grown_by_map(vectors, before, now, ridge=5.0)
    x = vectors.double().numpy()
    for row in range(60):
        old, new = int(before[row]), int(now[row])
        np.testing.assert_array_equal(found[row, :old], vectors[row, :old])
        assert not found[row, new:].any()
        for column in range(old, new):
            known = x[before.numpy() > column]
            alpha = 5.0 * np.square(known[:, :old]).sum() / old / len(known)
            fitted = Ridge(alpha=alpha, fit_intercept=False).fit(known[:, :old], known[:, column])
            assert float(found[row, column]) == pytest.approx(fitted.predict(x[row : row + 1, :old])[0], abs=1e-4)


def test_columns_that_no_row_has_start_at_zero():
    found = grown_by_map(torch.ones(3, 4) * (torch.arange(4) < 2), torch.full((3,), 2), torch.full((3,), 4))
    assert found.tolist() == [[1.0, 1.0, 0.0, 0.0]] * 3


@pytest.mark.parametrize("pays", [True, False])
@pytest.mark.parametrize("thompson", [True, False])
def test_rows_grow_where_growth_has_paid(pays, thompson):
    policy, state = Dess(width=0.0, thompson=thompson), made_up_state(2, mean_size=3.0, most=12)
    sizes = policy.sizes(state)
    users, items = state.pairs
    # Every row starts with 2 numbers, and the budget lets half of them grow.
    has_grown = {side: (own > 2).double() for side, own in sizes.items()}
    values = (1 - 2 * pays) * (has_grown["user"][users] + has_grown["item"][items])
    policy.learn(state, sizes, Judged(0.0, lambda: Losses(users, items, values)))
    for side, own in policy._contexts(state, policy._base(state)).items():
        assert (float(policy._gain(side, own, state).mean()) > 0) == pays


def test_rows_that_were_not_met_lately_make_room_for_new_ones():
    first = made_up_state(0, mean_size=6.0, most=12)
    before = Dess().sizes(first)
    state = made_up_state(1, mean_size=2.0, most=12, before=before)
    base = Dess()._base(state)
    assert sum(int(own.sum()) for own in base.values()) == state.total
    recent, counts = (torch.cat(list(own.values())) for own in (state.recent, state.counts))
    old = torch.cat(
        [torch.nn.functional.pad(before[side], (0, len(base[side]) - len(before[side])), value=2) for side in base]
    )
    cut = torch.cat(list(base.values())) < old
    often = torch.stack([(recent > 0).long(), counts], 1)
    kept_least = min(map(tuple, often[~cut & (old > 1)].tolist()))
    assert max(map(tuple, often[cut].tolist())) <= kept_least


def test_a_loss_is_held_against_the_recent_mean_of_its_own_row():
    policy, state = Dess(width=0.0, discount=1.0), made_up_state(2, mean_size=3.0, most=12)
    sizes = policy.sizes(state)
    users, items = torch.tensor([1, 2]), torch.tensor([1, 1])
    # User 1 does badly and user 2 well, then user 1 better than before and user 2 worse.
    for values in ([1.0, 0.2], [0.9, 0.3]):
        before = {arm: policy.bandits["user", arm].b[0].clone() for arm in ("keep", "grow")}
        losses = Losses(users, items, torch.tensor(values, dtype=torch.float64))
        policy.learn(state, sizes, Judged(0.0, lambda losses=losses: losses))
    grew = [bool(sizes["user"][user] > 2) for user in (1, 2)]
    rewards = {arm: float(policy.bandits["user", arm].b[0] - before[arm]) for arm in before}
    assert rewards == {"keep": float(not grew[0]), "grow": float(grew[0])}
