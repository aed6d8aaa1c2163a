"""What BET is made of: families of sizes, and a predictor that sees sets."""

import pytest
import scipy.stats
import torch

from cadc.errors import UsageError
from cadc.streams.policies.bet import Bet
from cadc.streams.set_predictor import SetPredictor
from cadc.streams.size_families import FAMILIES, quantiles
from cadc.testing import made_up_state


def test_quantiles_are_those_of_the_families():
    u = torch.linspace(0.01, 0.99, 25, dtype=torch.float64)
    names = list(FAMILIES)
    expected = {
        "power": scipy.stats.powerlaw(0.3 * 20).ppf(u),
        "normal": scipy.stats.truncnorm(0, 0.3 * 20).ppf(u),
        "lognormal": scipy.stats.lognorm(0.3 * 0.5).ppf(u),
    }
    for name, values in expected.items():
        torch.testing.assert_close(quantiles(names.index(name), 0.3, u), torch.from_numpy(values), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("family", range(len(FAMILIES)))
@pytest.mark.parametrize("parameter", [0.0, 0.5, 1.0])
def test_weights_rise_with_the_rank(family, parameter):
    weight = quantiles(family, parameter, torch.linspace(0.001, 0.999, 50, dtype=torch.float64))
    assert bool(weight.isfinite().all())
    assert bool((weight >= 0).all())
    assert bool((weight.diff() >= 0).all())


def test_the_order_of_a_set_does_not_matter_and_the_side_does():
    predictor, sizes = SetPredictor(torch.Generator().manual_seed(0)), torch.rand(4, 2, 9)
    with torch.no_grad():
        expected = predictor(sizes)
        torch.testing.assert_close(predictor(sizes[:, :, torch.randperm(9)]), expected)
        assert float((predictor(sizes.flip(1)) - expected).abs().max()) > 1e-4


def test_the_predictor_learns_which_sizes_are_worth_more():
    generator = torch.Generator().manual_seed(0)
    predictor, sizes = SetPredictor(generator, decay=1.0, updates=100), torch.rand(24, 2, 8, generator=generator)
    sizes = sizes * torch.rand(24, 2, 1, generator=generator)
    worth = sizes[:, 0].mean(1) - sizes[:, 1].mean(1)
    predictor.learn(sizes, worth)
    with torch.no_grad():
        assert float(torch.corrcoef(torch.stack([predictor(sizes), worth]))[0, 1]) > 0.9


def test_finalists_are_the_best_and_train_for_twice_the_steps():
    asked, state = [], made_up_state(2, mean_size=4.0, most=12)
    original = state.value_of

    def value_of(sizes, steps):
        asked.append((steps, original(sizes, steps)))
        return asked[-1][1]

    object.__setattr__(state, "value_of", value_of)
    Bet(evaluations=12, steps=7, finalists=3).sizes(state)
    assert [steps for steps, _ in asked] == [7] * 6 + [14] * 3
    assert sorted((value for _, value in asked[:6]), reverse=True)[:3] == [value for _, value in asked[6:]]


def test_fewer_evaluations_than_finalists_take_are_refused():
    with pytest.raises(UsageError, match="it must be at least 8"):
        Bet(evaluations=7, finalists=3)
