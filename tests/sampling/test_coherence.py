"""Sampling by coherence against the probabilities that its surprises ask for."""

import numpy as np
import pytest
from scipy.stats import zscore

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.errors import UsageError
from cadc.evaluation.coherence import coherence
from cadc.evaluation.user_coherence import trained_items
from cadc.sampling.coherence import CoherenceSampler
from tests.sampling.samplers import draw


@pytest.fixture(scope="module")
def log(session_cache):
    return prepare(Synthetic(n_rows=3000, n_users=150, n_items=200), RandomSplit())


@pytest.mark.parametrize("measure", ["conditional", "surprise"])
@pytest.mark.parametrize("beta", [1.0, -0.5])
def test_sizes_fall_exponentially_with_the_standardised_surprise_of_the_user(log, measure, beta):
    found = getattr(coherence(trained_items(log)), measure)
    expected = np.exp(-beta * np.nan_to_num(zscore(found, nan_policy="omit")))[log.column("user", "train")]
    np.testing.assert_allclose(CoherenceSampler(0.1, measure, beta).sizes(log), expected)


def test_coherent_users_are_preferred_and_at_beta_0_nobody(log):
    surprise = coherence(trained_items(log)).conditional[log.column("user", "train")]
    means = [np.nanmean(surprise[draw(CoherenceSampler(0.2, beta=beta), log).rows]) for beta in (2, 0, -2)]
    assert means[0] < means[1] - 0.05 < means[2] - 0.1
    assert (CoherenceSampler(0.1, beta=0).sizes(log) == 1).all()


def test_weights_undo_the_preference(log):
    surprise = coherence(trained_items(log)).conditional[log.column("user", "train")]
    sampler = CoherenceSampler(0.3, weighting="ipw", clip=None)
    estimates = []
    for seed in range(40):
        sample = draw(sampler, log, seed)
        own = surprise[sample.rows]
        known = np.isfinite(own)
        estimates.append(np.average(own[known], weights=sample.weights.numpy()[known]))
    assert np.mean(estimates) == pytest.approx(np.nanmean(surprise), abs=4 * np.std(estimates) / 40**0.5)


def test_a_steepness_out_of_bounds_is_a_usage_error():
    with pytest.raises(UsageError, match=r"sampler\.beta is 11"):
        CoherenceSampler(beta=11)
