"""Profiles: numbers of a dense decomposition and of an optimiser, and nothing for users and items with few rows."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit

from cadc.errors import UsageError
from cadc.factorization.factors import Factors
from cadc.testing.logs import made_up_factors, small_log
from cadc.views.evidence import Evidence
from cadc.views.profile import ProfileView
from cadc.views.views import FittedPart, Views


@pytest.fixture(scope="module")
def log():
    return small_log()


@pytest.fixture(scope="module")
def evidence(log):
    return Evidence(log, log.rows("train")[::4], lambda own: (made_up_factors(own.schema), {}))


def numbers_of(view, evidence, batch):
    return Views({"profile": view}, [FittedPart({"profile": view.fit(evidence)}, None)], evidence.log.schema)(batch)


def naive_numbers(evidence, pairs, rank, s, l2_user, l2_item):
    """Numbers of some pairs in float64: a dense SVD, and L-BFGS for each user and item."""
    users, items, labels = evidence.users.numpy(), evidence.items.numpy(), evidence.labels.double().numpy()
    counts = np.zeros((evidence.n_users, evidence.n_items))
    np.add.at(counts, (users, items), 1)
    n_u, n_i = counts.sum(1), counts.sum(0)
    left, values, right = np.linalg.svd(counts / np.sqrt(np.outer(n_u + s, n_i + s)), full_matrices=False)
    profiles = [
        side[:, :rank] * values[:rank] * np.sqrt(n) for side, n in ((left, (n_u > 0).sum()), (right.T, (n_i > 0).sum()))
    ]

    def predict(value, other, ids, others, features, l2):
        own = ids == value
        x, offset = np.c_[features[others[own]], np.ones(own.sum())], evidence.base.double().numpy()[own]

        def loss(weights):
            z = x @ weights + offset
            value = np.sum(np.logaddexp(0, z) - labels[own] * z) + l2 / 2 * weights @ weights
            return value, x.T @ (expit(z) - labels[own]) + l2 * weights

        return np.r_[features[other], 1] @ minimize(loss, np.zeros(rank + 1), jac=True, tol=1e-10).x

    return [
        (predict(u, i, users, items, profiles[1], l2_user), predict(i, u, items, users, profiles[0], l2_item))
        for u, i in pairs
    ]


def test_numbers_equal_a_dense_decomposition_and_an_optimiser(log, evidence):
    # All singular vectors, since the last ones of a randomised decomposition are not exact.
    view = ProfileView(rank=60, shrinkage=3.0, l2_user=4.0, l2_item=9.0, steps=60, min_rows=1)
    batch = log.gather(log.rows("test")[:4])
    single = [field.name for field in log.schema.single]
    pairs = batch.ids[:, [single.index("user"), single.index("item")]].tolist()
    expected = naive_numbers(evidence, pairs, 60, 3.0, 4.0, 9.0)
    np.testing.assert_allclose(numbers_of(view, evidence, batch).numpy(), expected, atol=5e-3)


def test_users_and_items_with_few_rows_have_numbers_0(log, evidence):
    batch = log.gather(log.rows("test"))
    users, items = (log.field_ids(name, log.rows("test")) for name in ("user", "item"))
    is_known = torch.stack([evidence.user_counts[users] >= 20, evidence.item_counts[items] >= 20], 1)
    assert is_known.any(0).all() and not is_known.all(0).any()
    assert torch.equal(numbers_of(ProfileView(rank=4, min_rows=20), evidence, batch) != 0, is_known)


def test_tables_end_with_the_last_id_that_has_a_profile(log, evidence):
    view = ProfileView(rank=4, min_rows=30)
    fitted = view.fit(evidence)
    last = int((evidence.user_counts >= 30).nonzero().max())
    assert len(fitted["user_profiles"]) == len(fitted["user_weights"]) == last + 1 < evidence.n_users
    assert len(view.vectors(fitted)["user"]) == evidence.n_users


def test_labels_do_not_change_who_rated_what(evidence):
    view = ProfileView(rank=4)
    before = view.fit(evidence)
    other = Evidence(evidence.log, evidence.rows, evidence.fit)
    other.labels = 1 - evidence.labels
    after = view.fit(other)
    assert torch.equal(before["item_profiles"], after["item_profiles"])
    assert not torch.equal(before["user_weights"], after["user_weights"])


def test_scores_that_are_not_logits_are_refused(log):
    factors = made_up_factors(log.schema)
    scores = Factors(factors.vectors, factors.biases, factors.dense, "score")
    with pytest.raises(UsageError, match="not logits; set factorization=fm"):
        ProfileView().fit(Evidence(log, log.rows("train"), lambda own: (scores, {})))


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"l2_user": 0.0}, {"shrinkage": -1.0}, {"min_rows": 0}])
def test_impossible_options_are_refused(wrong):
    with pytest.raises(UsageError, match=rf"views\.profile\.{next(iter(wrong))}"):
        ProfileView(**wrong)
