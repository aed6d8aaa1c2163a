"""Inclusion probabilities and weights, by repeated draws against theory."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from cadc.errors import UsageError
from cadc.sampling.popularity import PopularitySampler
from cadc.sampling.unequal import proportional_to_size, weighted_sample
from tests.sampling.samplers import LOGS, draw
from tests.support.helpers import small_synthetic_log


def inclusion_probabilities(sizes, n_kept):
    """min(1, c · size) that add up to n_kept, by root finding."""
    total = lambda c: np.minimum(1, c * sizes).sum() - n_kept  # noqa: E731
    return np.minimum(1, brentq(total, 0, 1e6 / sizes.min()) * sizes)


@pytest.mark.parametrize(("by", "beta"), [("item", 0.5), ("item", -1.0), ("user", 2.0)])
def test_rows_stay_with_probability_proportional_to_a_power_of_their_count(by, beta):
    log = small_synthetic_log(n_rows=1500)
    n_draws, n_kept = 1000, 400
    entity = log.column(by, "train")
    expected = inclusion_probabilities(np.bincount(entity)[entity].astype(float) ** beta, n_kept)
    kept = np.zeros(1200)
    for seed in range(n_draws):
        kept[draw(PopularitySampler(n_kept / 1200, by, beta), log, seed).rows] += 1
    z = (kept - n_draws * expected) / np.sqrt(n_draws * expected * (1 - expected) + 1)
    away = expected < 0.9
    assert abs((z[away] ** 2).mean() - 1) < 0.2
    assert np.abs(z[away]).max() < 4.5
    # At the edge to certainty the size of the others' random numbers decides.
    assert np.abs(kept / n_draws - expected)[~away].max(initial=0) < 1 / np.sqrt(n_kept)
    assert kept[expected == 1].sum() == 0 or kept[expected == 1].min() > 0.95 * n_draws


def test_beta_zero_is_uniform():
    log = small_synthetic_log()
    assert (PopularitySampler(0.1, beta=0).sizes(log) == 1).all()


def test_horvitz_thompson_total_is_unbiased_even_of_very_few_rows():
    # One row is larger than its share, and values go against sizes: errors in probabilities would show.
    sizes = np.array([40.0, 5, 4, 3, 2, 1, 1, 0.5, 0.2, 0.1])
    values = np.array([1.0, -3, 2, 8, 1, 3, -2, 5, 6, 4])
    generator = np.random.default_rng(0)
    estimates = np.empty(40_000)
    for number in range(len(estimates)):
        rows, probability = proportional_to_size(sizes, 4, generator)
        estimates[number] = (values[rows] / probability.numpy()).sum()
    standard_error = estimates.std() / np.sqrt(len(estimates))
    assert standard_error < 0.3
    assert abs(estimates.mean() - values.sum()) < 3.5 * standard_error


@pytest.mark.parametrize("source", ["synthetic", pytest.param("ml-100k", marks=pytest.mark.realdata)])
def test_weighted_mean_of_labels_is_that_of_all_rows_where_the_plain_one_is_not(source):
    log = LOGS[source]()
    label = torch.from_numpy(np.array(log.column("label", "train"))).double()
    # Values that go with popularity are what such a sample distorts.
    item = torch.from_numpy(np.array(log.column("item", "train"), dtype=np.int64))
    value = label + torch.bincount(item)[item].double().log()
    sampler = PopularitySampler(0.1, beta=1.0, weighting="ipw", clip=None)
    plain, corrected = [], []
    for seed in range(60):
        sample = draw(sampler, log, seed)
        plain.append(float(value[sample.rows].mean()))
        corrected.append(float((sample.weights * value[sample.rows]).mean()))
    error = np.std(corrected) / np.sqrt(60)
    assert abs(np.mean(corrected) - value.mean()) < 4 * error + 1e-3
    assert np.mean(plain) - value.mean() > 20 * error


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=50), st.none() | st.floats(1, 20))
@settings(deadline=None)
def test_weights_are_inverse_probabilities_clipped_with_kish_effective_size(probabilities, clip):
    sample = weighted_sample(torch.arange(len(probabilities)), torch.tensor(probabilities, dtype=torch.float64), clip)
    expected = [1 / p for p in probabilities]
    mean = sum(expected) / len(expected)
    n_clipped = sum(clip is not None and w / mean > clip * (1 + 1e-12) for w in expected)
    if clip is not None:
        expected = [min(w, clip * mean) for w in expected]
    mean = sum(expected) / len(expected)
    expected = [w / mean for w in expected]
    assert sample.weights.tolist() == pytest.approx(expected, rel=1e-5)
    assert sample.facts["effective_size"] == pytest.approx(sum(expected) ** 2 / sum(w * w for w in expected))
    assert sample.facts["clipped_share"] == pytest.approx(n_clipped / len(expected))


def test_equal_probabilities_give_equal_weights_and_lose_nothing():
    sample = weighted_sample(torch.arange(7), torch.full((7,), 0.2), 10.0)
    assert sample.weights.tolist() == [1.0] * 7
    assert sample.facts == {"effective_size": pytest.approx(7), "clipped_share": 0.0}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"clip": 0.5}, r"sampler\.clip is 0\.5; it must be at least 1"),
        ({"beta": float("nan")}, r"sampler\.beta is nan"),
    ],
)
def test_wrong_options_are_usage_errors(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        PopularitySampler(0.1, **options)
