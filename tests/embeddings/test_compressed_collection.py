"""A model's tables where some are compressed: small fields, frozen ones, two towers, and what a record says of them."""

import json
import pickle
from dataclasses import replace

import pytest
import torch
from torch import nn

from cadc.data.schema import Field, Schema
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.measured import measure_tables
from cadc.embeddings.schemes.folds import FoldTables
from cadc.embeddings.schemes.full import Full, UncompressedTable
from cadc.embeddings.schemes.hashing import HashedTable, Hashing
from cadc.errors import CadcError, Unreachable, UsageError
from cadc.pipeline.build import draw_sample, make_model, open_log
from cadc.pipeline.settings import Settings
from tests.embeddings.test_collection import batch_of
from tests.support.commands import TINY

SCHEMA = Schema(
    (
        Field("hour", "context", 24),
        Field("item", "item", 300),
        Field("genres", "item", 120, bag=True),
        Field("user", "user", 400),
        Field("jobs", "user", 8, bag=True),
        Field("gender", "user", 3),
    )
)
DIM = 4
FULL = 4 * DIM


def targets(rowless=()):
    generator = torch.Generator().manual_seed(0)
    found = {field.name: torch.randn(field.vocabulary_size, DIM, generator=generator) for field in SCHEMA.fields}
    return {name: None if name in rowless else value for name, value in found.items()}


def collection(scheme=None, **options):
    scheme = scheme or Hashing(dim=DIM, ratio=4.0, small=100)
    return EmbeddingCollection(SCHEMA, scheme, InitialValues(**{"targets": targets(), **options}))


def by_fields(module):
    return {tuple(table.names): table for table in module.tables}


def test_small_fields_stay_full_and_as_they_start():
    module = collection()
    found = by_fields(module)
    assert set(found) == {("user", "item", "genres"), ("gender", "hour", "jobs")}
    assert isinstance(found["user", "item", "genres"], HashedTable)
    assert isinstance(found["gender", "hour", "jobs"], UncompressedTable)
    assert module.compressed == ("user", "item", "genres")
    for name in ("gender", "hour", "jobs"):
        assert torch.equal(module.dense_tables(SCHEMA)[name], targets()[name])


@pytest.mark.parametrize(("size", "is_compressed"), [(100, False), (101, True)])
def test_the_threshold_counts_values(size, is_compressed):
    assert Hashing(dim=DIM, small=100).is_compressed(Field("x", "user", size)) == is_compressed


def test_frozen_compressed_and_trained_fields_are_tables_of_their_own_within_one_budget():
    budget = 6000
    module = collection(Hashing(dim=DIM, budget=budget, small=100), frozen=("user", "gender"))
    found = by_fields(module)
    assert set(found) == {("item", "genres"), ("hour", "jobs"), ("user",), ("gender",)}
    trained = {names: any(w.requires_grad for w in table.parameters()) for names, table in found.items()}
    assert trained == {("item", "genres"): True, ("hour", "jobs"): True, ("user",): False, ("gender",): False}
    sizes = {names: len(file_bytes(found[names])) for names in (("item", "genres"), ("user",))}
    assert sizes["user",] <= budget * 400 // 820
    assert sizes["item", "genres"] <= budget * 420 // 820
    assert budget - 2 * FULL - 16 < sum(sizes.values()) <= budget
    before = module.dense_tables(SCHEMA)
    ids = {field.name: [1, 2] for field in SCHEMA.single}
    optimizer = torch.optim.Adam([weight for weight in module.parameters() if weight.requires_grad], lr=0.1)
    module(batch_of(ids, {"genres": [[1], [2]], "jobs": [[1], []]})).square().sum().backward()
    optimizer.step()
    after = module.dense_tables(SCHEMA)
    assert {name for name in after if torch.equal(before[name], after[name])} == {"user", "gender"}


def test_a_group_too_small_for_its_share_takes_what_it_needs_from_the_others():
    small = Hashing(dim=DIM, budget=1400, small=100)
    module = collection(small, frozen=("item", "user"))
    found = {tuple(table.names): len(file_bytes(table)) for table in module.compressed_tables()}
    assert set(found) == {("genres",), ("user", "item")}
    assert found["genres",] > 1400 * 120 // 820, "its header alone takes more than its share"
    assert 1400 - FULL - 16 < sum(found.values()) <= 1400
    for budget in range(1000, 300, -100):
        try:
            collection(Hashing(dim=DIM, budget=budget, small=100), frozen=("item", "user"))
        except Unreachable as error:
            least = error.least
            assert f"2 tables take {least} already" in str(error)
            break
    module = collection(Hashing(dim=DIM, budget=least, small=100), frozen=("item", "user"))
    assert sum(len(file_bytes(table)) for table in module.compressed_tables()) == least
    with pytest.raises(Unreachable):
        collection(Hashing(dim=DIM, budget=least - 1, small=100), frozen=("item", "user"))


def test_look_up_is_in_the_order_of_field_names_and_of_what_dense_tables_say():
    module = collection(frozen=("item",)).eval()
    dense = module.dense_tables(SCHEMA)
    ids = {field.name: [1, 0, 2] for field in SCHEMA.single}
    bags = {"genres": [[5, 119], [], [7]], "jobs": [[], [1], [2, 2]]}
    found = module(batch_of(ids, bags)).detach()
    for column, name in enumerate(module.field_names):
        for row in range(3):
            values = [ids[name][row]] if name in ids else bags[name][row]
            expected = dense[name][values].mean(0) if values else torch.zeros(DIM)
            torch.testing.assert_close(found[row, column], expected)


def test_fields_without_target_draw_random_values_of_the_standard_deviation():
    module = collection(targets=targets(rowless=("user", "item", "genres")), std=0.2)
    dense = module.dense_tables(SCHEMA)
    assert float(torch.cat([dense[name] for name in ("user", "item")]).std()) == pytest.approx(0.2, rel=0.15)


def test_means_of_enriched_fields_stand_apart():
    plain, enriched = collection(), collection(enriched=("user",))
    (one,), (two,) = plain.compressed_tables(), enriched.compressed_tables()
    assert one.centre is None
    assert two.centre.shape == (3, DIM)
    torch.testing.assert_close(two.centre[0], targets()["user"].mean(0))


def test_tables_of_folds_are_refused_by_a_scheme_that_compresses_them():
    folds = targets() | {"user": torch.randn(2, 400, DIM)}
    with pytest.raises(UsageError, match="embedding=full"):
        collection(targets=folds, frozen=("user",))
    module = collection(Full(dim=DIM), targets=folds, frozen=("user",))
    assert any(isinstance(table, FoldTables) for table in module.tables)


def test_the_file_of_tables_of_folds_is_that_of_their_mean(tmp_path):
    folds = [torch.randn(2, 9, DIM, generator=torch.Generator().manual_seed(0))]
    table = FoldTables([Field("user", "user", 9)], folds)
    write_table(table, tmp_path / "table")
    assert torch.equal(read_table(tmp_path / "table").reconstruct(), folds[0].mean(0))


@pytest.mark.parametrize("limit", ["embedding.budget=9000", "embedding.ratio=5"])
def test_two_towers_share_one_budget(limit):
    words = (*TINY, "data.n_users=400", "data.n_items=300", "data/split=leave_one_out", "model=two_tower")
    settings = Settings.compose([*words, "trainer=ranking", "embedding=hashing", limit, "embedding.small=20"])
    log = open_log(settings)
    model = make_model(settings, log, None, draw_sample(settings, log))
    collections = [module for module in model.modules() if isinstance(module, EmbeddingCollection)]
    tables = [table for module in collections for table in module.compressed_tables()]
    assert len(tables) == 2 and all(isinstance(table, HashedTable) for table in tables)
    large = {field.name: field.vocabulary_size for field in log.schema.fields if field.vocabulary_size > 20}
    assert {name for table in tables for name in table.names} == set(large)
    total = sum(len(file_bytes(table)) for table in tables)
    budget = 9000 if "budget" in limit else int(sum(large.values()) * 64 / 5)
    assert budget - 2 * 64 - 32 < total <= budget
    assert measure_tables(model)["bytes"] == total


class Recommender(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.embeddings = collection(**options)


def test_what_a_record_says_of_tables_computed_anew(tmp_path):
    model = Recommender(frozen=("item",))
    found = measure_tables(model)
    sizes = {}
    for number, table in enumerate(model.embeddings.tables):
        write_table(table, tmp_path / "table")
        sizes[tuple(table.names)] = (tmp_path / "table").stat().st_size
        file = found["files"][f"embeddings.tables.{number}"]
        assert file["bytes"] == sizes[tuple(table.names)]
        assert file["is_compressed"] == isinstance(table, HashedTable)
        assert json.loads(file["header"]["plan"]) == table.plan()
    compressed = {names: size for names, size in sizes.items() if set(names) <= {"user", "item", "genres"}}
    assert len(compressed) == 2
    assert found["bytes"] == sum(compressed.values())
    assert found["ratio"] == (400 + 300 + 120) * DIM * 4 / sum(compressed.values())
    assert found["ratio_model"] == (400 + 300 + 120 + 24 + 8 + 3) * DIM * 4 / sum(sizes.values())
    assert sorted(found["full"]) == ["gender", "hour", "jobs"]
    assert 0 < found["lookup_ns"] < 1e6
    of_tables = []
    for table in model.embeddings.compressed_tables():
        wanted = torch.cat([targets()[name] for name in table.names]).double()
        squared = float((table.reconstruct().double() - wanted).square().mean())
        peak = float(wanted.max() - wanted.min())
        of_tables.append(float(10 * torch.tensor(peak**2 / squared).log10()))
    assert found["psnr"] == pytest.approx(min(of_tables), abs=1e-3)
    json.dumps(found, allow_nan=False)


def test_a_record_says_nothing_of_tables_that_are_not_compressed():
    assert measure_tables(Recommender(scheme=Full(dim=DIM))) == {}
    assert measure_tables(Recommender(scheme=Hashing(dim=DIM, small=10_000))) == {}
    assert measure_tables(nn.Linear(2, 2)) == {}
    half = measure_tables(Recommender(scheme=Full(dim=DIM, dtype="float16")))
    assert 1.7 < half["ratio"] == half["ratio_model"] < 2


def test_the_least_that_an_error_names_survives_a_process():
    with pytest.raises(Unreachable) as caught:
        collection(Hashing(dim=DIM, budget=20, small=100))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.least) == (str(caught.value), caught.value.least)
    assert again.least > 20


def test_a_scheme_that_ignores_its_budget_is_found_out():
    class Half(Hashing):
        """Sizes tables as it likes."""

        def table(self, spec):
            return super().table(replace(spec, budget=spec.n_rows * self.dim * 2))

    assert measure_tables(Recommender(scheme=Hashing(dim=DIM, ratio=16)))["ratio"] >= 16
    with pytest.raises(CadcError, match=r"[\d,]+ bytes; .*budget, [\d,]+\."):
        measure_tables(Recommender(scheme=Half(dim=DIM, ratio=16)))
