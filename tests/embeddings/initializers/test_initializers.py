from types import SimpleNamespace

import pytest
import torch

from cadc.data.schema import Field, Schema
from cadc.embeddings.coding.rows import CHUNK
from cadc.embeddings.initializers.mf import MFInitializer
from cadc.embeddings.initializers.mf_bias import MFBiasInitializer
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.errors import UsageError
from cadc.factorization.factors import Factors, pairwise_logits
from cadc.randomness import torch_generator
from tests.support.helpers import random_factors

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


def targets(initializer, seed=0, given=None, seen=None):
    return initializer.targets(SimpleNamespace(schema=SCHEMA), DIM, given, torch_generator(seed, "tables"), seen)


def seen_ids(share=0.6):
    generator = torch.Generator().manual_seed(3)
    seen = {field.name: torch.rand(field.vocabulary_size, generator=generator) < share for field in SCHEMA.fields}
    for mask in seen.values():
        mask[0] = False
    return seen


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
    assert set(kind(freeze=True).frozen_fields(SCHEMA, factors())) == {"user", "item"}
    assert set(kind(freeze=False).frozen_fields(SCHEMA, factors())) == set()


def test_enriched_tables_start_from_the_vectors_and_others_as_without_enrichment():
    given = factors()
    plain, enriched = targets(RandomInitializer()), targets(MFInitializer(), given=given)
    for name in plain:
        expected = given.vectors.get(name, plain[name])
        assert torch.equal(enriched[name], expected), name


def test_training_enriched_tables_leaves_the_factors_alone():
    from cadc.embeddings.schemes.full import UncompressedTable

    given = factors()
    before = given.vectors["user"].clone()
    table = UncompressedTable([SCHEMA["user"]], DIM)
    table.initialise_from([targets(MFInitializer(), given=given)["user"]])
    with torch.no_grad():
        table.weight.add_(1)
    assert torch.equal(given.vectors["user"], before)


def test_factors_of_another_length_are_refused_with_both_lengths():
    with pytest.raises(
        UsageError,
        match=r"factors .*5 .*table .*8: .*factorization\.dim=8.*embedding\.dim=5",
    ):
        targets(MFInitializer(), given=factors(5))
    with pytest.raises(UsageError):
        targets(MFInitializer(), given=None)


@pytest.mark.parametrize("std", [-0.1, float("nan")])
def test_impossible_standard_deviation_is_a_usage_error(std):
    with pytest.raises(UsageError, match=r"initializer\.std"):
        RandomInitializer(std=std)


def test_products_of_user_and_item_are_the_whole_logit():
    given = random_factors(SCHEMA, ("user", "item"), DIM - 2)
    tables = targets(MFBiasInitializer(), given=given)
    generator = torch.Generator().manual_seed(1)
    users, items = (torch.randint(SCHEMA[name].vocabulary_size, (300,), generator=generator) for name in given.fields)
    users[0] = items[1] = 0
    expected = pairwise_logits(
        [given.vectors["user"][users], given.vectors["item"][items]],
        [given.biases["user"][users], given.biases["item"][items]],
    )
    found = (tables["user"][users] * tables["item"][items]).sum(1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert tables["gender"].shape == (3, DIM)


@pytest.mark.parametrize("fields", [("user", "item", "genres", "hour"), ("gender", "hour", "genres")], ids="+".join)
def test_products_with_the_anchor_hold_the_biases_of_all_fields_once(fields):
    given = random_factors(SCHEMA, fields, DIM - 2)
    tables = targets(MFBiasInitializer(), given=given)
    anchor = "item" if "item" in fields else "hour"
    found = sum(tables[name][1] @ tables[anchor][2] for name in fields if name != anchor)
    expected = sum(given.vectors[name][1] @ given.vectors[anchor][2] for name in fields if name != anchor)
    expected += sum(given.biases[name][1] for name in fields if name != anchor) + given.biases[anchor][2]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", [MFInitializer, MFBiasInitializer])
def test_enriched_vectors_are_scaled_to_the_spread_asked_for(kind):
    given = random_factors(SCHEMA, ("user", "item", "genres"), DIM - kind.extra_columns)
    plain, scaled = targets(kind(), given=given), targets(kind(scale_to=0.02), given=given)
    for name in given.fields:
        own = slice(given.dim)
        assert float(scaled[name][1:, own].std()) == pytest.approx(0.02, rel=1e-4)
        ratio = scaled[name][:, own] / plain[name][:, own]
        torch.testing.assert_close(ratio, ratio[:1, :1].expand_as(ratio))
        assert torch.equal(scaled[name][:, given.dim :], plain[name][:, given.dim :])
    assert torch.equal(scaled["hour"], plain["hour"])


@pytest.mark.parametrize("unseen", ["zero", "random", "unknown"])
@pytest.mark.parametrize("kind", [RandomInitializer, MFInitializer])
def test_ids_without_a_row_in_the_sample(kind, unseen):
    given, seen = factors(), seen_ids()
    every, some = targets(kind(), given=given), targets(kind(unseen=unseen), given=given, seen=seen)
    enriched = given.fields if kind is MFInitializer else ()
    unknown = kind(unseen=unseen).unknown_ids(SCHEMA, given, seen)
    assert set(unknown) == (set(some) - set(enriched) if unseen == "unknown" else set())
    for name, table in some.items():
        assert torch.equal(table[seen[name]], every[name][seen[name]])
        if name in enriched or unseen == "random":
            assert torch.equal(table, every[name])
        else:
            assert not table[~seen[name]].any()
        if name in unknown:
            assert torch.equal(unknown[name], ~seen[name])


def test_frozen_fields_can_be_named():
    given = random_factors(SCHEMA, ("user", "item", "hour"), DIM)
    assert set(MFInitializer(freeze=True).frozen_fields(SCHEMA, given)) == {"user", "item", "hour"}
    assert set(MFInitializer(freeze=("item", "genres")).frozen_fields(SCHEMA, given)) == {"item", "genres"}
    with pytest.raises(UsageError, match=r"initializer\.freeze .*itme.* user"):
        MFInitializer(freeze=("itme",)).frozen_fields(SCHEMA, given)


def test_columns_for_biases_count_where_factors_do_not_fit():
    with pytest.raises(UsageError, match=r"factors .*8 .*table .*8, 2 of them"):
        targets(MFBiasInitializer(), given=factors(8))


@pytest.mark.parametrize("options", [{"id_dropout": 1.0}, {"id_dropout": -0.1}, {"scale_to": 0.0}])
def test_impossible_options_are_usage_errors(options):
    with pytest.raises(UsageError, match=rf"initializer\.{next(iter(options))} is"):
        MFInitializer(**options)


@pytest.mark.parametrize(
    "initializer", [MFInitializer(), MFBiasInitializer(unseen="random"), MFInitializer(scale_to=1)]
)
def test_blocks_of_rows_are_those_of_whole_tables_and_small(initializer):
    schema = Schema((Field("user", "user", 2 * CHUNK + 5), Field("item", "item", 40)))
    given, log = random_factors(schema, ("user", "item")), SimpleNamespace(schema=schema)
    dim = given.dim + initializer.extra_columns
    whole = initializer.targets(log, dim, given, torch_generator(0, "tables"))
    blocks = initializer.blocks(log, dim, given, torch_generator(0, "tables"))
    assert all(torch.equal(blocks[name].whole(), whole[name]) for name in whole)
    assert max(len(block) for block in blocks["user"]) == CHUNK
