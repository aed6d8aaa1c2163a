import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import UsageError
from cadc.factorization.factors import Factors
from cadc.randomness import numpy_generator
from cadc.sampling.leverage import LeverageSampler, leverage
from tests.sampling.samplers import factors_of
from tests.support.helpers import small_synthetic_log


@given(st.integers(1, 12), st.integers(1, 6), st.floats(1e-4, 10), st.integers(0, 99))
@settings(deadline=None)
def test_leverage_is_the_diagonal_of_the_ridge_hat_matrix(n_rows, dim, ridge, seed):
    table = np.random.default_rng(seed).normal(size=(n_rows, dim))
    singular = np.linalg.svd(table, compute_uv=False)
    penalty = ridge * (singular**2).sum() / dim
    hat = table @ np.linalg.inv(table.T @ table + penalty * np.eye(dim)) @ table.T
    found = leverage(torch.from_numpy(table).float(), ridge).numpy()
    assert found == pytest.approx(np.diag(hat), rel=1e-3, abs=1e-6)
    # Their sum is the effective number of dimensions.
    assert found.sum() == pytest.approx((singular**2 / (singular**2 + penalty)).sum(), rel=1e-4)
    assert found.max() < 1


def test_leverage_does_not_depend_on_the_basis():
    table = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    assert torch.allclose(leverage(table @ turn, 0.01), leverage(table, 0.01), atol=1e-5)


def test_rows_of_zeros_have_no_leverage():
    table = torch.cat([torch.zeros(1, 3), torch.eye(3)])
    assert leverage(table, 0.01)[0] == 0
    assert (leverage(torch.zeros(4, 3), 0.01) == 0).all()


@pytest.mark.parametrize("uniform_share", [0.1, 1.0])
def test_size_of_a_row_is_the_leverage_of_its_user_and_item_mixed_with_the_mean(uniform_share):
    log = small_synthetic_log()
    factors = factors_of(log)
    tables = {name: vectors.double().numpy() for name, vectors in factors.vectors.items()}
    scores = np.zeros(4800)
    for name, table in tables.items():
        gram = table.T @ table
        inverse = np.linalg.inv(gram + 0.01 * np.trace(gram) / 5 * np.eye(5))
        ids = log.field_ids(name, log.rows("train")).numpy()
        scores += [table[number] @ inverse @ table[number] for number in ids]
    sizes = LeverageSampler(0.1, uniform_share=uniform_share).sizes(log, lambda: factors)
    assert sizes == pytest.approx((1 - uniform_share) * scores / scores.mean() + uniform_share)


def test_factors_without_user_and_item_count_in_all_their_fields():
    log = small_synthetic_log()
    names = ("gender", "hour")
    vectors = {name: torch.randn(log.schema[name].vocabulary_size, 3) for name in names}
    factors = Factors(vectors, {name: torch.zeros(len(table)) for name, table in vectors.items()})
    sizes = LeverageSampler(0.1).sizes(log, lambda: factors)
    cells = {tuple(pair) for pair in torch.stack([log.field_ids(n, log.rows("train")) for n in names], 1).tolist()}
    assert 2 < len(set(sizes.round(9))) <= len(cells)


def test_factors_of_nothing_but_zeros_sample_uniformly():
    log = small_synthetic_log()
    factors = factors_of(log)
    zero = Factors({name: 0 * table for name, table in factors.vectors.items()}, factors.biases)
    assert (LeverageSampler(0.1).sizes(log, lambda: zero) == 1).all()


def test_no_vectors_are_a_usage_error():
    log = small_synthetic_log()
    with pytest.raises(UsageError, match=r"factorization\.dim is 0.* 1"):
        LeverageSampler(0.1)(log, numpy_generator(0, "sample"), lambda: factors_of(log, dim=0))
    with pytest.raises(UsageError, match=r"needs .* factorisation"):
        LeverageSampler(0.1)(log, numpy_generator(0, "sample"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"ridge": 0.0}, r"sampler\.ridge is 0\.0; it must be a finite number above 0"),
        ({"uniform_share": 0.0}, r"sampler\.uniform_share is 0\.0"),
        ({"uniform_share": 1.5}, r"sampler\.uniform_share is 1\.5"),
    ],
)
def test_wrong_options_are_usage_errors(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        LeverageSampler(0.1, **options)
