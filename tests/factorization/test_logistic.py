from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.errors import CadcError, DataError, UsageError
from cadc.evaluation.metrics.auc import auc
from cadc.evaluation.metrics.logloss import logloss
from cadc.factorization.logistic import LogisticMF
from cadc.randomness import torch_generator
from tests.data.test_prepare import Rows
from tests.support.helpers import small_synthetic_log


class StopsOnTraining(InteractionLog):
    """A log whose training rows also stop the fit, so that the last epoch is the best."""

    def rows(self, split):
        return super().rows("train" if split == "validation" else split)


@pytest.fixture
def log():
    return StopsOnTraining(small_synthetic_log().folder)


def full_batch(**options):
    return LogisticMF(solver="adam", init_std=0.1, **({"batch_size": 10_000, "patience": 1000, "l2": 8.0} | options))


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def reference_fit(log, dim, learning_rate, l2, l2_bias, n_epochs, init_std):
    """Full-batch Adam on the summed loss plus l2/2·|v|² + l2_bias/2·|b|², gradients by hand, in float64."""
    rows = log.rows("train")
    generator = torch_generator(0, "factorize")
    ids = [log.field_ids(name, rows).long().numpy() for name in ("user", "item")]
    sizes = [log.schema[name].vocabulary_size for name in ("user", "item")]
    values = [init_std * torch.randn(size, dim, generator=generator).double().numpy() for size in sizes]
    values += [np.zeros(size) for size in sizes] + [np.zeros(1)]
    penalties = [l2, l2, l2_bias, l2_bias, 0.0]
    moments = [[np.zeros_like(value), np.zeros_like(value)] for value in values]
    label = log.column("label", "train").astype(float)
    for step in range(1, n_epochs + 1):
        u, v, b_u, b_v, b = values
        logit = (u[ids[0]] * v[ids[1]]).sum(1) + b_u[ids[0]] + b_v[ids[1]] + b
        error = (sigmoid(logit) - label) / len(label)
        gradients = [np.zeros_like(value) for value in values]
        np.add.at(gradients[0], ids[0], error[:, None] * v[ids[1]])
        np.add.at(gradients[1], ids[1], error[:, None] * u[ids[0]])
        np.add.at(gradients[2], ids[0], error)
        np.add.at(gradients[3], ids[1], error)
        gradients[4][:] = error.sum()
        for value, gradient, penalty, (first, second) in zip(values, gradients, penalties, moments, strict=True):
            gradient += penalty / len(label) * value
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            value -= learning_rate * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return values


def test_fit_follows_an_independent_implementation_with_gradients_by_hand(log):
    options = {"learning_rate": 0.02, "l2": 5.0, "l2_bias": 9.0}
    factors, cost = full_batch(max_epochs=15, **options).fit(log, log.rows("train"), 4)
    u, v, b_u, b_v, b = reference_fit(log, 4, n_epochs=15, init_std=0.1, **options)
    assert cost["epochs"] == 15
    for name, vectors, bias in (("user", u, b_u), ("item", v, b_v + b)):
        np.testing.assert_allclose(factors.vectors[name][1:], vectors[1:], atol=2e-4)
        np.testing.assert_allclose(factors.biases[name][1:], bias[1:], atol=2e-4)


def best_biases(log, l2_bias):
    """Logits of training rows by scikit-learn's logistic regression on one-hot users and items."""
    rows = log.rows("train")
    ids = [log.field_ids(name, rows).long() for name in ("user", "item")]
    one_hot = np.hstack([np.eye(int(column.max()) + 1)[column] for column in ids])
    regression = LogisticRegression(C=1 / l2_bias, tol=1e-8, max_iter=2000).fit(one_hot, log.labels(rows).numpy())
    return regression.decision_function(one_hot)


def test_biases_alone_equal_scikit_learn(log):
    rows = log.rows("train")
    factors, _ = full_batch(dim=0, learning_rate=0.03, l2_bias=0.01, max_epochs=300).fit(log, rows, 0)
    np.testing.assert_allclose(factors.logits(log, rows), best_biases(log, 0.01), atol=0.02)
    assert factors.vectors["user"].shape == (log.schema["user"].vocabulary_size, 0)


def test_penalties_have_the_meaning_that_scikit_learn_gives_them(log):
    # The independent implementation, which the fit follows, ends where scikit-learn does.
    _, _, b_u, b_v, b = reference_fit(log, 0, 0.03, 0.0, 16.0, 400, 0.0)
    user, item = (log.field_ids(name, log.rows("train")).long().numpy() for name in ("user", "item"))
    np.testing.assert_allclose(b_u[user] + b_v[item] + b, best_biases(log, 16.0), atol=1e-3)


@pytest.mark.parametrize("solver", ["newton", "adam"])
def test_planted_preferences_are_recovered_better_than_by_biases_alone(solver):
    log = prepare(Synthetic(n_rows=50_000, n_users=120, n_items=120, side_share=0.0), RandomSplit())
    rows, test = log.rows("train"), log.rows("test")
    truth, label = (
        torch.logit(torch.from_numpy(log.column("oracle", "test").copy())).numpy(),
        log.column("label", "test"),
    )
    fit = {"solver": solver, "learning_rate": 0.01, "batch_size": 2048, "max_epochs": 12}
    mf = LogisticMF(**fit).fit(log, rows, 4)[0].logits(log, test).numpy()
    bias = LogisticMF(**fit).fit(log, rows, 0)[0].logits(log, test).numpy()
    assert np.corrcoef(mf, truth)[0, 1] > 0.9 > np.corrcoef(bias, truth)[0, 1]
    assert logloss(label, sigmoid(mf.astype(float))) < logloss(label, sigmoid(bias.astype(float))) - 0.03
    assert auc(label, bias) + 0.05 < auc(label, mf) <= auc(label, truth) + 0.005


@pytest.mark.parametrize("solver", ["newton", "adam"])
def test_unknown_has_a_zero_vector_and_the_mean_bias(solver):
    log = small_synthetic_log()
    factors, _ = LogisticMF(solver=solver, max_epochs=2, batch_size=512).fit(log, log.rows("train"), 3)
    for name in ("user", "item"):
        assert not factors.vectors[name][0].any()
        assert float(factors.biases[name][0]) == pytest.approx(float(factors.biases[name][1:].mean()), abs=1e-6)
    assert not any(value.requires_grad for part in (factors.vectors, factors.biases) for value in part.values())


def test_global_bias_lies_inside_the_item_bias(log):
    rows = log.rows("train")
    factors, _ = full_batch(dim=0, l2_bias=1e6, learning_rate=0.005, max_epochs=120).fit(log, rows, 0)
    mean = float(log.labels(rows).mean())
    # With biases held at zero by their penalty, the global bias alone is left: the logit of the label mean.
    np.testing.assert_allclose(factors.biases["item"], np.log(mean / (1 - mean)), atol=0.02)
    np.testing.assert_allclose(factors.biases["user"], 0, atol=0.02)


@pytest.mark.parametrize("solver", ["newton", "adam"])
def test_same_seed_same_factors_and_other_seed_other_factors(solver):
    log = small_synthetic_log()
    one, two, other = (
        LogisticMF(solver=solver, max_epochs=2, seed=seed).fit(log, log.rows("train"), 3)[0] for seed in (0, 0, 1)
    )
    assert torch.equal(one.vectors["item"], two.vectors["item"])
    assert not torch.equal(one.vectors["item"], other.vectors["item"])


def test_factors_are_those_of_the_epoch_with_the_lowest_validation_loss():
    log = small_synthetic_log()
    overfits = {"solver": "adam", "learning_rate": 0.05, "l2": 0.0, "l2_bias": 0.0, "batch_size": 512}
    rows, held_out = log.rows("train"), log.rows("validation")

    def fit(**options):
        factors, cost = LogisticMF(**(overfits | options)).fit(log, rows, 8)
        probability = factors.logits(log, held_out).double().sigmoid().numpy()
        return logloss(log.column("label", "validation"), probability), cost["epochs"]

    losses = [fit(max_epochs=n)[0] for n in (1, 2, 3, 4, 5, 6)]
    assert all(later <= earlier for earlier, later in pairwise(losses))
    loss, epochs = fit(max_epochs=30, patience=3)
    assert epochs < 30, "the fit stopped before its upper bound"
    assert loss <= losses[-1] + 1e-6


def test_penalty_beside_the_summed_loss_shrinks_vectors(log):
    norms = [
        float(
            full_batch(l2=l2, max_epochs=30, learning_rate=0.02)
            .fit(log, log.rows("train"), 4)[0]
            .vectors["item"]
            .norm()
        )
        for l2 in (0.0, 8.0, 100.0)
    ]
    assert norms[0] > norms[1] > norms[2]


def test_log_without_user_and_item_is_a_data_error():
    log = prepare(Rows(40), RandomSplit())
    with pytest.raises(DataError, match="no field user to factorise"):
        LogisticMF().fit(log, log.rows("train"), 2)


def test_loss_that_is_no_longer_finite_fails_with_the_option_to_change():
    log = small_synthetic_log()
    with pytest.raises(CadcError, match=r"NaN in epoch \d.*factorization\.learning_rate"):
        LogisticMF(solver="adam", learning_rate=1e38, batch_size=512).fit(log, log.rows("train"), 4)


@pytest.mark.parametrize("solver", ["newton", "adam"])
def test_implicit_feedback_without_a_liked_validation_row_is_a_data_error(solver):
    log = small_synthetic_log()
    held_out = log.rows("validation")
    disliked = held_out[log.labels(held_out) == 0]
    with pytest.raises(DataError, match=r"none of the \d+ validation rows .* has label 1"):
        LogisticMF(solver=solver, feedback="implicit").fit(log, log.rows("train"), 2, disliked)


def test_negative_dimension_is_a_usage_error():
    with pytest.raises(UsageError, match=r"factorization\.dim is -1"):
        LogisticMF(dim=-1)
