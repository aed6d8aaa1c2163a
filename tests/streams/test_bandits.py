"""Discounted linear bandits: their estimates are weighted ridge regressions, and their regret grows as it should."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from cadc.streams.bandits import DiscountedLinearBandit


@given(st.integers(1, 4), st.integers(1, 12), st.sampled_from([0.5, 0.9, 1.0]), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_the_estimate_is_a_weighted_ridge_regression(k, n_steps, discount, seed):
    rng = np.random.default_rng(seed)
    bandit = DiscountedLinearBandit(k, discount=discount, ridge=0.7, width=0.0)
    steps = [(rng.normal(size=(size, k)), rng.normal(size=size)) for size in rng.integers(1, 5, n_steps)]
    for x, r in steps:
        bandit.learn(torch.from_numpy(x), torch.from_numpy(r))
    weight = np.concatenate([np.full(len(r), discount ** (n_steps - 1 - at)) for at, (_, r) in enumerate(steps)])
    x, r = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    expected = Ridge(alpha=0.7, fit_intercept=False).fit(x, r, sample_weight=weight)
    asked = rng.normal(size=(6, k))
    np.testing.assert_allclose(bandit.upper(torch.from_numpy(asked)), expected.predict(asked), atol=1e-8)


def test_the_bonus_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    bandit = DiscountedLinearBandit(3, discount=0.8, ridge=2.0, width=1.5)
    v = w = 2.0 * np.eye(3)
    b = np.zeros(3)
    for _ in range(9):
        x, r = rng.normal(size=(2, 3)), rng.normal(size=2)
        bandit.learn(torch.from_numpy(x), torch.from_numpy(r))
        v = 0.8 * v + x.T @ x + 0.2 * 2.0 * np.eye(3)
        w = 0.64 * w + x.T @ x + 0.36 * 2.0 * np.eye(3)
        b = 0.8 * b + r @ x
    inverse = np.linalg.inv(v)
    for context in rng.normal(size=(5, 3)):
        expected = context @ inverse @ b + 1.5 * np.sqrt(context @ inverse @ w @ inverse @ context)
        assert float(bandit.upper(torch.from_numpy(context[None]))[0]) == pytest.approx(expected)


def test_draws_have_the_mean_and_the_spread_of_the_posterior():
    bandit = DiscountedLinearBandit(2, discount=0.9, ridge=1.0, width=0.5)
    rng = np.random.default_rng(1)
    for _ in range(20):
        x = rng.normal(size=(1, 2))
        bandit.learn(torch.from_numpy(x), torch.from_numpy(x @ [1.0, -2.0]))
    generator, context = torch.Generator().manual_seed(0), torch.tensor([[0.3, 0.8]])
    draws = torch.stack([bandit.drawn(context, generator) for _ in range(4000)])
    upper, bandit.width = bandit.upper(context), 0.0
    mean = bandit.upper(context)
    assert float(draws.mean()) == pytest.approx(float(mean), abs=4 * float(draws.std()) / 4000**0.5)
    assert float(draws.std()) == pytest.approx(float(upper - mean), rel=0.05)


def regret(choose, n_steps, n_changes, rng):
    """Regret of a chooser between two arms whose parameters jump to the other's at each change."""
    total, thetas = 0.0, [np.array([1.0, 0.2]), np.array([0.2, 1.0])]
    for step in range(n_steps):
        now = thetas[step * (n_changes + 1) // n_steps % 2]
        contexts = rng.random((5, 2))
        values = contexts @ now
        arm = choose(contexts)
        choose.learn(contexts[arm], values[arm] + 0.1 * rng.normal())
        total += values.max() - values[arm]
    return total


class Chooser:
    def __init__(self, discount, thompson=False):
        self.bandit = DiscountedLinearBandit(2, discount=discount, width=0.3)
        self.generator = torch.Generator().manual_seed(0) if thompson else None

    def __call__(self, contexts):
        x = torch.from_numpy(contexts)
        scores = self.bandit.upper(x) if self.generator is None else self.bandit.drawn(x, self.generator)
        return int(scores.argmax())

    def learn(self, context, reward):
        self.bandit.learn(torch.from_numpy(context[None]), torch.tensor([reward]))


@pytest.mark.parametrize("thompson", [False, True])
def test_forgetting_pays_where_rewards_change_and_costs_little_where_they_do_not(thompson):
    def mean(discount, n_changes, n_steps=600):
        rngs = [np.random.default_rng(seed) for seed in range(3)]
        return np.mean([regret(Chooser(discount, thompson), n_steps, n_changes, rng) for rng in rngs])

    assert mean(0.95, n_changes=5) < 0.6 * mean(1.0, n_changes=5)
    # Regret grows slower than the number of steps: of order d·sqrt(T) without changes.
    assert mean(1.0, 0, n_steps=1600) < 2.6 * mean(1.0, 0, n_steps=400)


@pytest.mark.parametrize("thompson", [False, True])
def test_regret_against_changes_grows_as_the_theory_says(thompson):
    n_changes, features = 5, 2
    variation = n_changes * np.hypot(0.8, 0.8)

    def mean(n_steps, forgets):
        discount = 1 - (variation / (features * n_steps)) ** (2 / 3) if forgets else 1.0
        rngs = [np.random.default_rng(seed) for seed in range(3)]
        return np.mean([regret(Chooser(discount, thompson), n_steps, n_changes, rng) for rng in rngs])

    # At the discount of the theory regret is of order T^(2/3); what never forgets loses a share of all steps.
    assert mean(1600, forgets=True) / mean(400, forgets=True) < 1.15 * 4 ** (2 / 3)
    assert mean(1600, forgets=False) / mean(400, forgets=False) > 0.8 * 4


def test_what_it_has_learnt_goes_on_elsewhere():
    rng = np.random.default_rng(2)
    one, other = DiscountedLinearBandit(3), DiscountedLinearBandit(3)
    one.learn(torch.from_numpy(rng.normal(size=(4, 3))), torch.from_numpy(rng.normal(size=4)))
    other.resume(one.state())
    asked = torch.from_numpy(rng.normal(size=(4, 3)))
    assert torch.equal(one.upper(asked), other.upper(asked))
