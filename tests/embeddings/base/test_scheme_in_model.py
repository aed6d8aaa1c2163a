"""Tables of every scheme of conf/embedding inside a model: its weights stored and loaded, frozen tables."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from cadc.embeddings.base.serving_state import load_stored, stored_state
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.randomness import torch_generator
from tests.embeddings.support.schemes import (
    ALL,
    BUDGETED,
    DIM,
    EACH_CHOICE,
    FULL,
    LOWER,
    RATIO,
    WITH_BUDGET,
    fields,
    ids_of,
    known,
    log,
    n_rows,
    scheme_of,
    trained,
)


class Model(nn.Module):
    """Nothing but the tables of a recommender, and a layer after them."""

    def __init__(self, name, small=10, seed=0, frozen=()):
        super().__init__()
        options = {"ratio": LOWER.get(name, RATIO), "budget": None, "small": small} if name in BUDGETED else {}
        scheme = scheme_of(name, **options)
        start = starts(scheme, seed)
        self.embeddings = EmbeddingCollection(
            log().schema,
            scheme,
            InitialValues(start, frozen, statistics=known()),
            generator=torch_generator(seed, "scheme"),
        )
        self.last = nn.Linear(DIM, 1)


def starts(scheme, seed=0):
    """Starting values as initializers give them: none where the scheme draws its own."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for field in log().schema.fields:
        own = 0.1 * torch.randn(field.vocabulary_size, DIM, generator=generator)
        is_dense = scheme.table_class.holds_rows or not scheme.is_compressed(field)
        found[field.name] = own if is_dense else None
    return found


def settle(model, steps=3):
    for table in model.tables if isinstance(model, EmbeddingCollection) else model.embeddings.tables:
        if table.search_epochs:
            trained(table, steps)
            table.settle()
        trained(table, seed=1)
    return model


class TestModel:
    @WITH_BUDGET
    def test_as_a_ratio_is_bytes_of_float32_vectors_by_bytes_of_the_file(self, name):
        scheme = scheme_of(name, ratio=5.0, budget=None)
        model = EmbeddingCollection(log().schema, scheme, InitialValues(starts(scheme), statistics=known()))
        settle(model)
        (table,) = model.compressed_tables()
        assert set(table.names) == {field.name for field in fields()}
        assert len(file_bytes(table)) <= FULL * n_rows() / 5

    @EACH_CHOICE
    def test_weights_that_are_stored_give_the_same_bits_in_a_new_model(self, name, tmp_path):
        model = settle(Model(name))
        save_file({key: value.contiguous() for key, value in stored_state(model).items()}, tmp_path / "model")
        stored = load_file(tmp_path / "model")
        again = Model(name)
        load_stored(again, stored)
        model.eval(), again.eval()
        batch = log().gather(log().rows("test"))
        with torch.no_grad():
            assert torch.equal(model.embeddings(batch), again.embeddings(batch))
        assert {key: value.tolist() for key, value in stored_state(again).items()} == {
            key: value.tolist() for key, value in stored_state(model).items()
        }
        for one, two in zip(model.embeddings.tables, again.embeddings.tables, strict=True):
            assert file_bytes(one) == file_bytes(two)

    @ALL
    def test_weights_of_another_model_are_refused_and_named(self, name):
        model = settle(Model(name))
        whole = stored_state(model)
        (table,) = model.embeddings.compressed_tables()
        prefix = f"embeddings.tables.{list(model.embeddings.tables).index(table)}."
        of_table = [key for key in whole if key.startswith(prefix)]
        floats = [key for key in of_table if whole[key].is_floating_point()]
        for key in of_table:
            value = whole[key]
            rest = {other: whole[other] for other in whole if other != key}
            other = torch.float64 if value.dtype != torch.float64 else torch.float32
            for damaged in (
                rest,
                whole | {f"{key}_2": value},
                whole | {key: torch.cat([value.flatten()] * 3)},
                whole | {key: value.to(other)},
                *([whole | {key: torch.full_like(value, torch.nan)}] if key in floats else []),
            ):
                with pytest.raises(ValueError, match=key.rpartition(".")[2]):
                    load_stored(Model(name), damaged)

    @WITH_BUDGET
    def test_a_frozen_table_stays_as_it_is(self, name):
        names = [field.name for field in fields()]
        model = Model(name, small=0, frozen=names)
        (table,) = model.embeddings.compressed_tables()
        assert not any(weight.requires_grad for weight in table.parameters())
        assert not table(ids_of(table, 4)).requires_grad
