import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.batch import Bag, Batch
from cadc.data.schema import Field, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full, UncompressedTable
from cadc.errors import UsageError

# Sides out of order, so that columns of a batch differ from the order of the schema.
SCHEMA = Schema(
    (
        Field("hour", "context", 4),
        Field("item", "item", 9),
        Field("genres", "item", 5, bag=True),
        Field("user", "user", 7),
        Field("jobs", "user", 3, bag=True),
        Field("gender", "user", 2),
    )
)
DIM = 3
NAMES = [field.name for field in SCHEMA.fields]


def targets(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {field.name: torch.randn(field.vocabulary_size, DIM, generator=generator) for field in SCHEMA.fields}


def collection(frozen=(), start=None):
    return EmbeddingCollection(SCHEMA, Full(dim=DIM), InitialValues(start or targets(), frozen))


def batch_of(ids, bags):
    """A batch of rows: ids by field name, and bags by field name as lists of lists."""
    stacked = torch.tensor([ids[field.name] for field in SCHEMA.single], dtype=torch.int32).T.contiguous()
    ragged = {}
    for name, rows in bags.items():
        lengths = torch.tensor([0, *map(len, rows)])[:-1]
        values = torch.tensor([value for row in rows for value in row], dtype=torch.int32)
        ragged[name] = Bag(values, lengths.cumsum(0).int())
    return Batch(stacked, ragged, torch.empty(len(stacked), 0), torch.zeros(len(stacked)))


@st.composite
def rows(draw):
    n = draw(st.integers(1, 6))
    ids = {
        field.name: draw(st.lists(st.integers(0, field.vocabulary_size - 1), min_size=n, max_size=n))
        for field in SCHEMA.single
    }
    bags = {
        field.name: draw(
            st.lists(st.lists(st.integers(0, field.vocabulary_size - 1), max_size=4), min_size=n, max_size=n)
        )
        for field in SCHEMA.bags
    }
    return ids, bags


def naive(ids, bags, tables, names):
    found = []
    for row in range(len(ids["user"])):
        vectors = []
        for name in names:
            if name in ids:
                vectors.append(tables[name][ids[name][row]])
            elif bags[name][row]:
                vectors.append(torch.stack([tables[name][value] for value in bags[name][row]]).mean(0))
            else:
                vectors.append(torch.zeros(DIM))
        found.append(torch.stack(vectors))
    return torch.stack(found)


@given(rows(), st.sets(st.sampled_from(NAMES)))
@settings(deadline=None, max_examples=100)
def test_look_up_equals_a_naive_loop_whatever_is_frozen(rows, frozen):
    ids, bags = rows
    module = collection(frozen)
    found = module(batch_of(ids, bags))
    assert sorted(module.field_names) == sorted(NAMES)
    torch.testing.assert_close(found, naive(ids, bags, targets(), module.field_names))


def test_empty_bags_give_zeros_even_where_all_are_empty():
    ids = {field.name: [0, 1] for field in SCHEMA.single}
    module = collection()
    found = module(batch_of(ids, {"genres": [[], []], "jobs": [[], [1]]}))
    place = module.field_names.index("genres")
    assert not found[:, place].any()
    assert not found[0, module.field_names.index("jobs")].any()


def step(module, optimizer_class, **options):
    ids = {field.name: [1, 1, 0] for field in SCHEMA.single}
    optimizer = optimizer_class([weight for weight in module.parameters() if weight.requires_grad], **options)
    module(batch_of(ids, {"genres": [[1], [2, 3], []], "jobs": [[1], [], [2]]})).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("frozen", [("user", "item"), ("genres",), tuple(NAMES[1:])])
def test_frozen_tables_get_no_gradient_and_stay_bit_equal_while_others_move(frozen):
    module = collection(frozen)
    step(module, torch.optim.Adam, lr=0.1, weight_decay=0.1)
    after = module.dense_tables(SCHEMA)
    for name, start in targets().items():
        assert torch.equal(after[name], start) == (name in frozen), name
    assert sum(weight.grad is not None for weight in module.parameters()) == 1


def test_gradient_reaches_only_the_rows_looked_up():
    module = collection()
    step(module, torch.optim.SGD, lr=0.1)
    moved = {
        name: set(torch.nonzero((table != targets()[name]).any(1))[:, 0].tolist())
        for name, table in module.dense_tables(SCHEMA).items()
    }
    assert moved == {
        "hour": {0, 1},
        "item": {0, 1},
        "genres": {1, 2, 3},
        "user": {0, 1},
        "jobs": {1, 2},
        "gender": {0, 1},
    }


def test_dense_tables_are_copies_of_what_is_looked_up():
    module = collection(("user",))
    tables = module.dense_tables(SCHEMA)
    assert {name: tuple(table.shape) for name, table in tables.items()} == {
        field.name: (field.vocabulary_size, DIM) for field in SCHEMA.fields
    }
    for table in tables.values():
        table.zero_()
    assert torch.equal(module.dense_tables(SCHEMA)["user"], targets()["user"])


def test_saved_weights_bring_back_the_same_look_up():
    module, other = collection(("user",)), collection(("user",), targets(1))
    other.load_state_dict(module.state_dict())
    ids = {field.name: [1, 0] for field in SCHEMA.single}
    batch = batch_of(ids, {"genres": [[1], [4]], "jobs": [[], [1]]})
    assert torch.equal(module(batch), other(batch))


def test_saved_weights_are_the_tables_and_nothing_else():
    n_values = sum(value.numel() for value in collection(("user",)).state_dict().values())
    assert n_values == DIM * sum(field.vocabulary_size for field in SCHEMA.fields)


def test_table_without_columns_is_a_usage_error():
    with pytest.raises(UsageError, match=r"embedding\.dim is 0"):
        UncompressedTable(SCHEMA.single, 0)


def test_a_collection_of_one_field_gives_vectors_of_its_values_and_means_of_them():
    tables = targets()
    alone = EmbeddingCollection(SCHEMA, Full(dim=DIM), InitialValues(tables), ("item",), names=("item",))
    assert alone.field_names == ["item"]
    ids = torch.tensor([2, 0, 1, 2], dtype=torch.int32)
    assert torch.equal(alone.of_values("item", ids), tables["item"][ids.long()])
    means = alone.pooled("item", Bag(ids, torch.tensor([0, 3, 3], dtype=torch.int32)))
    expected = torch.stack([tables["item"][ids[:3].long()].mean(0), torch.zeros(DIM), tables["item"][2]])
    torch.testing.assert_close(means, expected)


def test_values_that_are_unknown_share_the_row_of_unknown_there_too():
    tables = targets()
    mask = torch.arange(SCHEMA["item"].vocabulary_size) == 2
    found = EmbeddingCollection(SCHEMA, Full(dim=DIM), InitialValues(tables, unknown_ids={"item": mask}))
    ids = torch.tensor([2, 1], dtype=torch.int32)
    assert torch.equal(found.of_values("item", ids), tables["item"][[0, 1]])
    assert torch.equal(found.pooled("item", Bag(ids, torch.tensor([0]).int()))[0], tables["item"][[0, 1]].mean(0))
