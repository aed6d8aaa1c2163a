import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, UsageError
from cadc.factorization.als import ALS
from tests.support.helpers import ListSource, small_synthetic_log


def dense_implicit(counts, vectors, l2, alpha, iterations):
    """Hu, Koren and Volinsky's eqs. 4 and 5, a user and an item at a time, with every pair written out."""
    users, items = (part.double().numpy().copy() for part in vectors)
    likes, confidence = (counts > 0).astype(float), 1 + alpha * counts
    ridge = l2 * np.eye(users.shape[1])
    for _ in range(iterations):
        for u in range(1, len(users)):
            weighted = items.T * confidence[u]
            users[u] = np.linalg.solve(weighted @ items + ridge, weighted @ likes[u])
        for i in range(1, len(items)):
            weighted = users.T * confidence[:, i]
            items[i] = np.linalg.solve(weighted @ users + ridge, weighted @ likes[:, i])
    return users, items


def starts(log, dim, std):
    """The initial vectors of a fit."""
    from cadc.randomness import torch_generator

    generator = torch_generator(0, "factorize")
    vectors = [
        std * torch.randn(log.schema[name].vocabulary_size, dim, generator=generator) for name in ("user", "item")
    ]
    for table in vectors:
        table[0] = 0
    return vectors


def counts_of(log, rows):
    counts = np.zeros([log.schema[name].vocabulary_size for name in ("user", "item")])
    ids = [log.field_ids(name, rows).numpy() for name in ("user", "item")]
    np.add.at(counts, tuple(ids), log.labels(rows).numpy())
    return counts


@pytest.mark.parametrize("cg_steps", [0, 30])
def test_implicit_fit_equals_dense_closed_forms(cg_steps):
    log = small_synthetic_log()
    rows = log.rows("train")
    options = {"l2": 3.0, "alpha": 2.0, "iterations": 3}
    factors, cost = ALS(cg_steps=cg_steps, init_std=0.1, **options).fit(log, rows, 4)
    users, items = dense_implicit(counts_of(log, rows), starts(log, 4, 0.1), **options)
    assert cost["epochs"] == 3
    np.testing.assert_allclose(factors.vectors["user"], users, atol=2e-3)
    np.testing.assert_allclose(factors.vectors["item"], items, atol=2e-3)
    assert not factors.biases["item"].any()
    assert factors.kind == "score"


def test_explicit_fit_ends_where_no_gradient_is_left():
    log = small_synthetic_log()
    rows = log.rows("train")
    factors, _ = ALS(feedback="explicit", l2=3.0, iterations=200, init_std=0.3).fit(log, rows, 2)
    user, item = (log.field_ids(name, rows).long() for name in ("user", "item"))
    mean = log.labels(rows).mean()
    parts = [factors.vectors["user"], factors.vectors["item"], factors.biases["user"], factors.biases["item"] - mean]
    parts = [part.double().requires_grad_() for part in parts]
    u, v, b_u, b_v = parts
    error = log.labels(rows) - mean - b_u[user] - b_v[item] - (u[user] * v[item]).sum(1)
    # Rows of unknown hold the mean bias, which is no part of the problem.
    (error.square().sum() + 3.0 * sum(part[1:].square().sum() for part in parts)).backward()
    assert max(float(part.grad[1:].abs().max()) for part in parts) < 0.05


def test_repeated_pairs_weigh_more_and_count_once_as_a_preference():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, (6, 5), (300, 2)).tolist()
    log = prepare(ListSource([(u, i, int(u != i), 0) for u, i in pairs], ["F"] * 6, [[]] * 5), RandomSplit())
    rows = log.rows("train")
    options = {"l2": 1.0, "alpha": 3.0, "iterations": 2}
    factors, _ = ALS(cg_steps=0, init_std=0.5, **options).fit(log, rows, 2)
    users, _ = dense_implicit(counts_of(log, rows), starts(log, 2, 0.5), **options)
    assert counts_of(log, rows).max() > 3
    np.testing.assert_allclose(factors.vectors["user"], users, atol=2e-3)


def test_user_without_positive_rows_has_a_zero_vector():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, (6, 5), (300, 2)).tolist()
    log = prepare(ListSource([(u, i, int(u != 3), 0) for u, i in pairs], ["F"] * 6, [[]] * 5), RandomSplit())
    factors, _ = ALS().fit(log, log.rows("train"), 2)
    hater = 1 + log.vocabulary("user").tolist().index(103)
    assert not factors.vectors["user"][hater].any()
    assert factors.logits(log, log.rows("test")).isfinite().all()


def test_log_without_positive_rows_is_a_data_error():
    log = small_synthetic_log()
    rows = log.rows("train")
    with pytest.raises(DataError, match="no row to factorise has label 1"):
        ALS().fit(log, rows[log.labels(rows) == 0], 2)


@pytest.mark.parametrize("feedback", ["implicit", "explicit"])
def test_same_seed_same_factors_and_other_seed_other_factors(feedback):
    log = small_synthetic_log()
    fits = [ALS(feedback=feedback, iterations=1, seed=s).fit(log, log.rows("train"), 3)[0] for s in (0, 0, 1)]
    assert torch.equal(fits[0].vectors["item"], fits[1].vectors["item"])
    assert not torch.equal(fits[0].vectors["item"], fits[2].vectors["item"])


@pytest.mark.parametrize("options", [{"l2": -1.0}, {"alpha": -0.1}, {"iterations": 0}, {"cg_steps": -1}])
def test_option_out_of_range_is_a_usage_error(options):
    with pytest.raises(UsageError, match=f"factorization.{next(iter(options))} is"):
        ALS(**options)
