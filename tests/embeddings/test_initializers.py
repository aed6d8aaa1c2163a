import pytest
import torch

from cadc.data.schema import Field, Schema
from cadc.embeddings.initializers import MFInitializer, RandomInitializer
from cadc.errors import UsageError
from cadc.factorization.factors import Factors
from cadc.randomness import torch_generator

SCHEMA = Schema(
    (
        Field("user", "user", 400),
        Field("gender", "user", 3),
        Field("item", "item", 500),
        Field("genres", "item", 19, bag=True),
        Field("hour", "context", 25),
    )
)
DIM = 8


def factors(dim=DIM):
    generator = torch.Generator().manual_seed(9)
    vectors = {name: torch.randn(SCHEMA[name].vocabulary_size, dim, generator=generator) for name in ("user", "item")}
    return Factors(vectors, {name: torch.zeros(len(value)) for name, value in vectors.items()})


def targets(initializer, seed=0, given=None):
    return initializer.targets(SCHEMA, DIM, given, torch_generator(seed, "tables"), {})


def test_random_tables_have_the_asked_spread_and_a_zero_row_for_unknown():
    tables = targets(RandomInitializer(std=0.2))
    assert list(tables) == [field.name for field in SCHEMA.fields]
    for field in SCHEMA.fields:
        assert tables[field.name].shape == (field.vocabulary_size, DIM)
        assert tables[field.name].dtype == torch.float32
        assert not tables[field.name][0].any()
    assert float(tables["item"][1:].std()) == pytest.approx(0.2, rel=0.05)
    assert abs(float(tables["item"][1:].mean())) < 0.01


def test_same_seed_same_tables_and_other_seed_other_tables():
    one, two, other = (targets(RandomInitializer(), seed) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", [RandomInitializer, MFInitializer])
def test_freezing_changes_no_starting_value(kind):
    free, frozen = (targets(kind(freeze=freeze), given=factors()) for freeze in (False, True))
    assert all(torch.equal(free[name], frozen[name]) for name in free)
    assert set(kind(freeze=True).frozen_fields()) == {"user", "item"}
    assert set(kind(freeze=False).frozen_fields()) == set()


def test_enriched_tables_start_from_the_vectors_and_others_as_without_enrichment():
    given = factors()
    plain, enriched = targets(RandomInitializer()), targets(MFInitializer(), given=given)
    for name in plain:
        expected = given.vectors.get(name, plain[name])
        assert torch.equal(enriched[name], expected), name


def test_training_enriched_tables_leaves_the_factors_alone():
    from cadc.embeddings.full import FullTable

    given = factors()
    before = given.vectors["user"].clone()
    table = FullTable([SCHEMA["user"]], DIM)
    table.initialise_from([targets(MFInitializer(), given=given)["user"]])
    with torch.no_grad():
        table.weight.add_(1)
    assert torch.equal(given.vectors["user"], before)


def test_factors_of_another_length_are_refused_with_both_lengths():
    with pytest.raises(
        UsageError,
        match=r"factors have 5 columns and the table has 8: .*factorization\.dim=8.*embedding\.dim=5",
    ):
        targets(MFInitializer(), given=factors(5))
    with pytest.raises(UsageError):
        targets(MFInitializer(), given=None)


@pytest.mark.parametrize("std", [-0.1, float("nan")])
def test_impossible_standard_deviation_is_a_usage_error(std):
    with pytest.raises(UsageError, match=r"initializer\.std"):
        RandomInitializer(std=std)
