import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.batch import Bag
from cadc.errors import UsageError
from cadc.factorization.factors import Factors, bag_means, pairwise_logits
from cadc.models.factorization import BiasModel, FactorizationModel
from tests.support.helpers import small_synthetic_log


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


def test_bags_and_dense_columns_count_as_a_naive_loop_says():
    log = small_synthetic_log()
    fields = ("user", "tags", "item", "hour", "interests") if "interests" in log.schema else ("user", "tags", "item")
    factors = random_factors(log, fields)
    factors.dense = torch.randn(len(log.schema.dense), generator=torch.Generator().manual_seed(1))
    rows = torch.tensor([0, 4799, 5999, 17, 17])
    batch = log.gather(rows)
    expected = []
    for place, row in enumerate(rows):
        vectors, total = [], float(batch.dense[place] @ factors.dense)
        for name in fields:
            if log.schema[name].bag:
                bag = batch.bags[name]
                bounds = [*bag.offsets.tolist(), len(bag.values)]
                ids = bag.values[bounds[place] : bounds[place + 1]].tolist()
            else:
                ids = [int(log.field_ids(name, row[None]))]
            if ids:
                total += sum(float(factors.biases[name][number]) for number in ids) / len(ids)
                vectors.append(sum(factors.vectors[name][number].double() for number in ids) / len(ids))
        total += sum(float(vectors[a] @ vectors[b]) for a in range(len(vectors)) for b in range(a))
        expected.append(total)
    assert factors.logits(log, rows).tolist() == pytest.approx(expected, abs=1e-4)


def test_empty_bag_counts_nothing():
    table = torch.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 6.0]])
    bag = Bag(torch.tensor([1, 2, 2], dtype=torch.int32), torch.tensor([0, 0, 2, 3], dtype=torch.int32))
    torch.testing.assert_close(bag_means(table, bag), torch.tensor([[0.0, 0], [2, 4], [3, 6], [0, 0]]))
    assert bag_means(table[:, :0], bag).shape == (4, 0)
    empty = Bag(torch.zeros(0, dtype=torch.int32), torch.zeros(2, dtype=torch.int32))
    assert not bag_means(table, empty).any()


def test_logits_of_many_rows_equal_those_of_few_at_a_time(monkeypatch):
    log = small_synthetic_log()
    factors = random_factors(log, ("user", "item", "tags"))
    rows = log.rows("train")
    whole = factors.logits(log, rows)
    monkeypatch.setattr("cadc.factorization.factors.EVALUATION_BATCH", 700)
    torch.testing.assert_close(factors.logits(log, rows), whole)
    assert factors.logits(log, rows[:0]).shape == (0,)


def test_kind_order_of_fields_and_dense_weights_are_saved(tmp_path):
    log = small_synthetic_log()
    factors = random_factors(log, ("item", "user", "tags"))
    factors.dense, factors.kind = torch.tensor([0.5]), "score"
    factors.save(tmp_path / "a")
    factors.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = Factors.load(tmp_path / "a")
    assert (loaded.fields, loaded.kind) == (("item", "user", "tags"), "score")
    assert torch.equal(loaded.dense, factors.dense)
    assert random_factors(log).kind == "logit"


def test_kind_that_is_none_is_a_usage_error():
    with pytest.raises(UsageError, match=r"'rank'.* logit, score"):
        Factors({}, {}, kind="rank")
