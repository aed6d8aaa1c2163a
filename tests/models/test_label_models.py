"""Label mean and Platt scaling, fitted on the sample, against scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from cadc.factorization.crossfit import CrossFitted
from cadc.models.factorization import FactorizationModel
from cadc.models.label_mean import LabelMean
from cadc.models.platt import PlattModel, fit_platt
from tests.support.helpers import random_factors


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1.5])
@pytest.mark.parametrize("scale", [0.1, 1.0, 300.0])
def test_platt_scaling_equals_logistic_regression(scale, offset, weighted):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=400)
    labels = (rng.random(400) < 1 / (1 + np.exp(-(1.3 * logits - 0.5)))).astype(float)
    weights = rng.random(400) if weighted else None
    inputs = scale * logits
    a, b = fit_platt(
        torch.tensor(inputs), torch.tensor(labels), None if weights is None else torch.tensor(weights), offset
    )
    expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    expected.fit(logits[:, None], labels, sample_weight=weights)
    assert a * scale == pytest.approx(float(expected.coef_[0, 0]), rel=1e-4)
    assert b + offset == pytest.approx(float(expected.intercept_[0]), abs=1e-4)


@pytest.mark.parametrize("labels", [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]], ids=["separable", "one class"])
def test_platt_scaling_ends_where_no_finite_scale_is_best(labels):
    a, b = fit_platt(torch.tensor([3.0, 2.0, -2.0, -3.0]), torch.tensor(labels))
    assert np.isfinite([a, b]).all()
    if len(set(labels)) == 2:
        assert 1 < a < 1000


def test_platt_model_fits_the_rows_of_the_sample(log):
    factors = random_factors(log.schema, ("user", "item"))
    model, base = PlattModel(factors, log.schema), FactorizationModel(factors, log.schema)
    rows = log.rows("train")[::7]
    model.fit_sample(log, rows)
    batch = log.gather(rows)
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(base(batch)[:, None].numpy(), batch.label.numpy())
    np.testing.assert_allclose(
        model(batch).numpy(), expected.decision_function(base(batch)[:, None].numpy()), atol=1e-3, rtol=1e-3
    )
    other = PlattModel(random_factors(log.schema, ("user", "item"), seed=5), log.schema)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(batch), model(batch))


def test_platt_model_reads_cross_fitted_logits_out_of_fold(log):
    parts = tuple(random_factors(log.schema, ("user", "item"), seed=seed) for seed in range(3))
    fold = torch.arange(log.n_rows("train")) % 3
    model = PlattModel(CrossFitted(parts, fold), log.schema)
    rows = log.rows("train")[5:2000:3]
    model.fit_sample(log, rows)
    own = model.factor_logit(replace(log.gather(rows), fold=fold[rows]))
    assert (float(model.a), float(model.b)) == fit_platt(own, log.labels(rows))


def test_label_mean_is_the_share_of_positives(log):
    rows = log.rows("train")[:500]
    model = LabelMean()
    model.fit_sample(log, rows)
    logits = model(log.gather(log.rows("test")))
    assert len(logits) == log.n_rows("test")
    assert float(logits[0].sigmoid()) == pytest.approx(float(log.labels(rows).mean()), abs=1e-6)
    assert (logits == logits[0]).all()


def test_label_mean_counts_weights_and_takes_the_offset_back(log):
    rows = log.rows("train")[:500]
    weights = torch.linspace(0.1, 2, 500)
    model = LabelMean()
    model.fit_sample(log, rows, weights, offset=0.7)
    mean = float((weights * log.labels(rows)).sum() / weights.sum())
    assert float(model.logit) == pytest.approx(np.log(mean / (1 - mean)) - 0.7, abs=1e-6)


def test_label_mean_of_one_class_leaves_the_other_possible(log):
    rows = log.rows("train")[log.labels(log.rows("train")) == 1][:50]
    model = LabelMean()
    model.fit_sample(log, rows)
    assert float(model.logit.sigmoid()) == pytest.approx(0.99)
