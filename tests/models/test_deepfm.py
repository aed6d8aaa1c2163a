from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.errors import UsageError
from cadc.models.deepfm import DeepFM, sum_of_products
from cadc.models.factorization import FactorizationModel
from tests.models.click_networks import model_of, naive_mlp
from tests.support.helpers import random_factors, small_synthetic_log


def naive_forward(model, batch):
    """Guo et al.: linear terms, products of all pairs of vectors, and an MLP on the vectors."""
    vectors = model.embeddings(batch).detach().double().numpy()
    logits = model.linear_terms(batch).detach().double().numpy()
    for row in range(len(batch)):
        own = list(vectors[row])
        for number, value in enumerate(batch.dense[row].tolist()):
            own.append(value * model.of_dense[number].detach().double().numpy())
        logits[row] += sum(one @ two for one, two in combinations(own, 2))
        logits[row] += naive_mlp(model.deep, np.concatenate(own), last_relu=False)[0]
    return logits


@pytest.mark.parametrize("hidden", [(16, 8), ()])
def test_forward_equals_a_naive_implementation(hidden):
    log = small_synthetic_log()
    model = model_of(log, DeepFM, hidden=hidden)
    with torch.no_grad():
        model.of_dense.normal_()
        for weight in model.linear_terms.parameters():
            weight.normal_()
    batch = log.gather(log.rows("test")[:20])
    np.testing.assert_allclose(model(batch).detach().numpy(), naive_forward(model, batch), atol=1e-4)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32))
def test_sum_of_products_equals_a_loop_over_pairs(n_fields, dim, seed):
    vectors = torch.randn(3, n_fields, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    expected = [sum(float(one @ two) for one, two in combinations(row, 2)) for row in vectors]
    np.testing.assert_allclose(sum_of_products(vectors).numpy(), expected, atol=1e-10)


def test_a_log_without_dense_features_has_vectors_of_fields_alone():
    model = model_of(small_synthetic_log(), DeepFM, n_dense=0)
    assert model.of_dense is None
    assert model.deep[0].in_features == 7 * 4


@pytest.mark.parametrize("hidden", [(16, 8), ()])
def test_a_residual_starts_at_the_logit_of_the_factorisation(hidden):
    log = small_synthetic_log()
    factors = random_factors(log.schema, ("user", "item", "tags"))
    model = model_of(log, DeepFM, factors=factors, residual=True, hidden=hidden)
    batch = log.gather(log.rows("test"))
    assert torch.equal(model(batch), FactorizationModel(factors, log.schema)(batch))
    assert model.starts_at_base


def test_options_out_of_range_are_refused():
    log = small_synthetic_log()
    with pytest.raises(UsageError, match=r"model\.hidden is 0; it must be at least 1"):
        model_of(log, DeepFM, hidden=(16, 0))
    with pytest.raises(UsageError, match=r"model\.dropout is -0\.1"):
        model_of(log, DeepFM, dropout=-0.1)
