import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.factorization.factors import Factors, pairwise_logits
from cadc.models.factorization import BiasModel, FactorizationModel
from tests.helpers import small_synthetic_log


def random_factors(log, fields=("user", "item"), dim=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = {name: log.schema[name].vocabulary_size for name in fields}
    return Factors(
        {name: torch.randn(size, dim, generator=generator) for name, size in sizes.items()},
        {name: torch.randn(size, generator=generator) for name, size in sizes.items()},
    )


@given(st.integers(1, 5), st.integers(0, 6), st.integers(1, 4), st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_pairwise_logits_equal_a_loop_over_pairs_of_fields(n_fields, dim, n_rows, seed):
    generator = torch.Generator().manual_seed(seed)
    vectors = [torch.randn(n_rows, dim, generator=generator) for _ in range(n_fields)]
    biases = [torch.randn(n_rows, generator=generator) for _ in range(n_fields)]
    found = pairwise_logits(vectors, biases)
    for row in range(n_rows):
        expected = sum(float(bias[row]) for bias in biases)
        for first in range(n_fields):
            for second in range(first + 1, n_fields):
                expected += sum(
                    float(a) * float(b) for a, b in zip(vectors[first][row], vectors[second][row], strict=True)
                )
        assert float(found[row]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("fields", [("user", "item"), ("item", "user"), ("user", "item", "age", "hour", "category")])
def test_logits_and_model_equal_a_naive_loop_over_rows(fields):
    log = small_synthetic_log()
    factors = random_factors(log, fields)
    rows = torch.tensor([0, 4799, 5999, 17, 17])
    found = factors.logits(log, rows)
    expected = []
    for row in rows:
        ids = [int(log.field_ids(name, row[None])) for name in fields]
        total = sum(float(factors.biases[name][number]) for name, number in zip(fields, ids, strict=True))
        own = [factors.vectors[name][number] for name, number in zip(fields, ids, strict=True)]
        total += sum(float(own[a] @ own[b]) for a in range(len(own)) for b in range(a))
        expected.append(total)
    assert found.tolist() == pytest.approx(expected, abs=1e-4)
    model = FactorizationModel(factors, log.schema)
    torch.testing.assert_close(model(log.gather(rows)), found, rtol=1e-5, atol=1e-5)


def test_model_has_no_trainable_weights_and_holds_all_factors():
    log = small_synthetic_log()
    factors = random_factors(log)
    model = FactorizationModel(factors, log.schema)
    assert not any(weight.requires_grad for weight in model.parameters())
    n_values = sum(value.numel() for part in (factors.vectors, factors.biases) for value in part.values())
    assert sum(value.numel() for value in model.state_dict().values()) == n_values


def test_bias_model_adds_user_and_item_bias():
    log = small_synthetic_log()
    factors = random_factors(log, dim=0)
    rows = log.rows("test")
    expected = factors.biases["user"][log.field_ids("user", rows)] + factors.biases["item"][log.field_ids("item", rows)]
    torch.testing.assert_close(BiasModel(factors, log.schema)(log.gather(rows)), expected)
    assert BiasModel.factor_dim == 0


@pytest.mark.parametrize("dim", [0, 3])
def test_saved_factors_are_loaded_bit_by_bit(tmp_path, dim):
    factors = random_factors(small_synthetic_log(), ("user", "item", "age"), dim)
    factors.save(tmp_path / "factors.safetensors")
    loaded = Factors.load(tmp_path / "factors.safetensors")
    assert set(loaded.fields) == set(factors.fields)
    assert loaded.dim == dim
    for name in factors.fields:
        assert torch.equal(loaded.vectors[name], factors.vectors[name])
        assert torch.equal(loaded.biases[name], factors.biases[name])


def test_loaded_factors_score_as_the_saved_ones(tmp_path):
    log = small_synthetic_log()
    factors = random_factors(log, ("user", "item", "age"))
    factors.save(tmp_path / "factors.safetensors")
    loaded = Factors.load(tmp_path / "factors.safetensors")
    rows = log.rows("test")
    torch.testing.assert_close(loaded.logits(log, rows), factors.logits(log, rows))
