import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logit

from cadc.errors import DataError, UsageError
from cadc.sampling.label_balanced import LabelBalancedSampler
from tests.sampling.samplers import changed, draw
from tests.support.helpers import small_synthetic_log


def unbalanced(folder, share=0.2, n_rows=6000):
    """A log with fewer positives than negatives."""
    log = small_synthetic_log(n_rows=n_rows)
    label = np.array(log.column("label", "train"))
    label[np.random.default_rng(0).random(len(label)) > share / label.mean()] = 0
    return changed(log, folder, label=label)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return unbalanced(tmp_path_factory.mktemp("unbalanced") / "log")


@given(st.floats(0.001, 1), st.floats(0.01, 0.99))
@settings(deadline=None, max_examples=60)
def test_rarer_label_has_its_share_or_the_sample_is_refused(log, rate, balance):
    label = log.column("label", "train")
    n_kept, n_positive = round(rate * 4800), int(label.sum())
    assume(0 < n_kept < 4800)
    wanted = balance * n_kept
    sampler = LabelBalancedSampler(rate, balance)
    if 1 <= wanted <= n_positive - 1 and 1 <= n_kept - wanted <= 4800 - n_positive - 1:
        kept = label[draw(sampler, log).rows]
        assert abs(kept.sum() - wanted) <= 0.5 + 1e-9
        assert len(kept) == n_kept
    elif wanted > n_positive + 1 or n_kept - wanted > 4800 - n_positive + 1 or wanted < 0.4 or n_kept - wanted < 0.4:
        with pytest.raises(UsageError, match=r"label [01], .*synthetic has \d+.* rate"):
            draw(sampler, log)


def test_all_rows_of_the_rarer_label_stay_where_that_is_asked(log):
    label = log.column("label", "train")
    kept = label[draw(LabelBalancedSampler(0.5, balance=None), log).rows]
    assert kept.sum() == label.sum()
    assert len(kept) == 2400


def test_too_low_a_rate_for_all_rows_of_the_rarer_label_is_refused(log):
    with pytest.raises(UsageError, match=r"-\d+ training rows of label 0"):
        draw(LabelBalancedSampler(0.05, balance=None), log)


def test_every_row_of_a_label_is_equally_likely_to_stay(log):
    label, kept = log.column("label", "train"), np.zeros(4800)
    for seed in range(400):
        kept[draw(LabelBalancedSampler(0.2, 0.4), log, seed).rows] += 1
    for own, n in ((label == 1, 384), (label == 0, 576)):
        p = n / own.sum()
        assert kept[own].mean() == pytest.approx(400 * p)
        assert kept[own].var() == pytest.approx(400 * p * (1 - p), rel=0.15)


def test_offset_is_the_log_ratio_of_the_shares_kept(log):
    label = log.column("label", "train")
    sample = draw(LabelBalancedSampler(0.2), log)
    kept = label[sample.rows]
    w_pos, w_neg = kept.sum() / label.sum(), (1 - kept).sum() / (1 - label).sum()
    assert sample.offset == pytest.approx(math.log(w_pos / w_neg))
    assert sample.offset > 1
    assert sample.facts == {"kept_of_positives": pytest.approx(w_pos), "kept_of_negatives": pytest.approx(w_neg)}


@pytest.mark.parametrize("balance", [0.15, 0.7])
def test_offset_or_weights_make_a_logistic_regression_calibrated(balance):
    """Labels follow σ(z) with z known, so the regression on z of the corrected sample is 0 + 1 · z."""
    log = small_synthetic_log(n_rows=30_000)
    z, label = logit(np.clip(log.column("oracle", "train").astype(float), 1e-6, 1 - 1e-6)), log.column("label", "train")

    def fitted(sample, offset=0.0):
        x, y = z[sample.rows], label[sample.rows]
        weights = np.ones(len(y)) if sample.weights is None else sample.weights.numpy()

        def loss(coefficients):
            scores = coefficients[0] + coefficients[1] * x + offset
            return (weights * (np.logaddexp(0, scores) - y * scores)).mean()

        return minimize(loss, [0.0, 0.5]).x

    plain, weighted = (LabelBalancedSampler(0.5, balance, weighting, clip=None) for weighting in ("none", "ipw"))
    seeds = range(8)
    samples = [draw(plain, log, seed) for seed in seeds]
    corrected = np.mean([fitted(sample, sample.offset) for sample in samples], 0)
    by_weights = np.mean([fitted(draw(weighted, log, seed)) for seed in seeds], 0)
    untouched = np.mean([fitted(sample) for sample in samples], 0)
    full = fitted(draw(LabelBalancedSampler(1.0), log))
    # The training rows are one draw of labels themselves, so all of them are the reference.
    assert full == pytest.approx([0, 1], abs=0.06)
    assert corrected == pytest.approx(full, abs=0.05)
    assert by_weights == pytest.approx(full, abs=0.05)
    assert untouched[0] == pytest.approx(full[0] + samples[0].offset, abs=0.05)
    assert abs(samples[0].offset) > 0.5


def test_weights_take_the_place_of_the_offset(log):
    sample = draw(LabelBalancedSampler(0.2, weighting="ipw", clip=None), log)
    label = log.column("label", "train")
    assert sample.offset == 0.0
    assert (sample.weights.numpy() * label[sample.rows]).mean() == pytest.approx(label.mean())


@pytest.mark.parametrize("only", [0, 1])
def test_one_label_alone_is_refused(only, tmp_path):
    log = changed(small_synthetic_log(), tmp_path / "log", label=only)
    with pytest.raises(DataError, match=f"all training labels of synthetic are {only}"):
        draw(LabelBalancedSampler(0.2), log)


@pytest.mark.parametrize("balance", [0.0, 1.0, -1.0, float("nan")])
def test_balance_outside_its_range_is_a_usage_error(balance):
    with pytest.raises(UsageError, match=r"sampler\.balance is .* between 0 and 1"):
        LabelBalancedSampler(0.5, balance)
