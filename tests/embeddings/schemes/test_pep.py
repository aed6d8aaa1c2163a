import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field, Schema
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.serving_state import load_stored, stored_state
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.coding.sparse_entries import bitmask_bytes, greatest_within, packed, unpacked
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.pep import Pep, PrunedTable, pruned_bytes
from cadc.errors import UsageError

FIELDS = (Field("user", "user", 50), Field("item", "item", 80), Field("tags", "item", 12, bag=True))
DIM = 6


def drawn(fields=FIELDS, dim=DIM, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(field.vocabulary_size, dim, generator=generator) for field in fields]


def table_of(budget=1200, fields=FIELDS, centred=False, **options):
    table = Pep(dim=DIM, budget=budget, **options).table(TableSpec(fields, budget, centred))
    table.initialise_from(drawn(fields))
    return table


def searched(table, seed=1):
    """Change weights and thresholds as training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        table.weight.add_(torch.randn(table.weight.shape, generator=generator))
        table.threshold.add_(torch.randn(table.threshold.shape, generator=generator))
    return table


@pytest.mark.parametrize("granularity", ["row_column", "row", "column", "global"])
def test_vectors_in_training_are_softly_thresholded(granularity):
    table = searched(table_of(granularity=granularity, start=-1.0))
    rows = torch.tensor([0, 3, 141, 3, 60])
    weight = table.weight.detach().numpy()
    limit = 1 / (1 + np.exp(-np.broadcast_to(table.threshold.detach().numpy(), weight.shape)))
    expected = np.sign(weight) * np.maximum(np.abs(weight) - limit, 0)
    found = table.vectors(rows)
    assert np.allclose(found.detach(), expected[rows], atol=1e-6) and (expected[rows] == 0).any()
    found.sum().backward()
    assert table.weight.grad.any() and table.threshold.grad.any()
    assert (
        table.threshold.shape
        == {
            "row_column": (142, DIM),
            "row": (142, 1),
            "column": (1, DIM),
            "global": (1, 1),
        }[granularity]
    )


def test_settling_keeps_the_greatest_entries_at_their_initial_values():
    table = table_of()
    start = table.weight.detach().clone()
    searched(table)
    margin = (table.weight.abs() - table.threshold.sigmoid()).detach()
    of_search = file_bytes(table)
    table.settle()
    kept = table.reconstruct() != 0
    n = int(kept.sum())
    assert n == len(table.values) and margin[kept].min() >= margin[~kept].max()
    assert torch.equal(table.train().vectors(torch.arange(142)), start.where(kept, 0))
    assert len(file_bytes(table)) == len(of_search)
    assert [name for name, _ in table.named_parameters()] == ["values"]


def test_a_settled_table_learns_its_values_alone():
    table = searched(table_of())
    table.settle()
    before = table.vectors(torch.arange(142)).detach()
    table.vectors(torch.tensor([1, 70, 70])).square().sum().backward()
    with torch.no_grad():
        table.values.sub_(0.1 * table.values.grad)
    after = table.vectors(torch.arange(142)).detach()
    changed = (before != after).any(1).nonzero().flatten().tolist()
    assert changed == [1, 70] and torch.equal(before == 0, after == 0)


def test_a_frozen_table_stays_frozen_when_it_settles():
    table = table_of()
    table.requires_grad_(False)
    table.settle()
    assert not any(parameter.requires_grad for parameter in table.parameters())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=3),
    st.integers(1, 20),
    st.booleans(),
    st.sampled_from(["float32", "float16"]),
    st.integers(250, 6000),
    st.integers(0, 3),
)
def test_entries_take_all_that_the_budget_allows(sizes, dim, centred, dtype, budget, seed):
    fields = [Field(f"f{index}", "context", n) for index, n in enumerate(sizes)]
    try:
        table = Pep(dim=dim, budget=budget, dtype=dtype).table(TableSpec(fields, budget, centred))
    except UsageError as error:
        assert f"the embedding budget is {budget} bytes" in str(error)
        return
    table.initialise_from(drawn(fields, dim, seed))
    searched(table)
    before = len(file_bytes(table))
    table.settle()
    used, n = len(file_bytes(table)), len(table.values)
    assert used == before <= budget
    present = len(np.unique(table._entries() // dim))
    # One more could have been the first of its row, and a header grows by 8 bytes with another digit.
    longer = min(present + 1, table.n_rows)
    assert n == table.n_rows * dim or pruned_bytes(fields, dim, centred, dtype, n + 1, longer) > budget


def test_ties_go_to_the_first_entries_and_rows_cost_their_masks():
    margin = torch.tensor([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 1.0, 0.0]])

    def bytes_of(n, rows):
        return 10 * n + 100 * rows

    assert greatest_within(110, margin, bytes_of).tolist() == [2]
    assert greatest_within(229, margin, bytes_of).tolist() == [2, 6]
    assert greatest_within(230, margin, bytes_of).tolist() == [0, 2, 6]
    assert greatest_within(259, margin, bytes_of).tolist() == [0, 1, 2, 6, 7]
    with pytest.raises(UsageError):
        greatest_within(109, margin, bytes_of)


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 13), st.data())
def test_bits_are_unpacked_as_they_were_packed(n, dim, data):
    entries = torch.tensor(sorted(data.draw(st.sets(st.integers(0, n * dim - 1), min_size=1))))
    rows, masks = packed(entries, n, dim)
    assert (len(rows), len(masks)) == bitmask_bytes(n, dim, len((entries // dim).unique()))
    assert torch.equal(unpacked(rows, masks, n, dim), entries)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("settles", [False, True])
def test_evaluation_is_what_the_stored_table_gives(tmp_path, dtype, settles):
    table = searched(table_of(dtype=dtype, centred=True))
    if settles:
        table.settle()
    rows = torch.tensor([5, 141, 5, 77, 0])
    found = table.eval().vectors(rows)
    write_table(table, tmp_path / "table.safetensors")
    stored = read_table(tmp_path / "table.safetensors")
    assert torch.equal(stored.vectors(rows), found) and torch.equal(stored.reconstruct(), table.reconstruct())
    assert stored.vectors(rows).view(torch.int32).equal(found.view(torch.int32)), "zeros have one sign"
    again, first = stored.serving(), table.serving()
    assert again.keys() == first.keys() and all(torch.equal(again[name], first[name]) for name in first)


def test_a_model_with_a_settled_table_is_saved_and_rebuilt():
    schema = Schema(FIELDS[:2])

    def model(seed):
        generator = torch.Generator().manual_seed(seed)
        scheme = Pep(dim=DIM, ratio=4, small=60)
        start = InitialValues({"user": drawn()[0], "item": drawn()[1]})
        return EmbeddingCollection(schema, scheme, start, generator=generator)

    trained = model(0)
    (table,) = trained.compressed_tables()
    searched(table).settle()
    rebuilt = model(1)
    load_stored(rebuilt, stored_state(trained))
    found, expected = rebuilt.dense_tables(schema), trained.dense_tables(schema)
    assert all(torch.equal(found[name], expected[name]) for name in ("user", "item"))
    assert (expected["item"] == 0).any() and not (expected["user"] == 0).any()


def test_values_beyond_the_range_of_their_type_become_its_largest():
    table = table_of()
    table.settle()
    with torch.no_grad():
        table.values[:2] = torch.tensor([1e9, -1e9])
    assert table.serving()["values"][:2].tolist() == [65504, -65504]
    assert table.eval().reconstruct().abs().max() == 65504


def test_evaluation_follows_the_weights():
    table = searched(table_of())
    first = table.eval().reconstruct()
    searched(table.train(), seed=2)
    assert not torch.equal(table.eval().reconstruct(), first)
    state = {name: value.clone() for name, value in table.state_dict().items()}
    second = table.reconstruct()
    searched(table, seed=3)
    assert not torch.equal(table.reconstruct(), second)
    table.load_state_dict(state)
    assert torch.equal(table.reconstruct(), second)


def test_gradients_of_settled_tables_are_those_of_finite_differences():
    fields = (Field("user", "user", 4), Field("item", "item", 5))
    table = Pep(dim=3, budget=400).table(TableSpec(fields, 400))
    table.initialise_from(drawn(fields, 3))
    table.settle()
    table = table.double()
    rows = torch.tensor([0, 3, 3, 8, 4, 5, 0])
    assert 1 < len(table.values) < 27
    assert torch.autograd.gradcheck(lambda _: table.vectors(rows), (table.values,))


FAULTS = {
    "a value less": lambda t: t | {"values": t["values"][1:]},
    "a row more": lambda t: t | {"rows": torch.full_like(t["rows"], 255)},
    "another type": lambda t: t | {"values": t["values"].double()},
    "nothing": lambda t: {name: value for name, value in t.items() if name != "masks"},
    "something else": lambda t: t | {"weight": t["values"]},
    "another centre": lambda t: t | {"centre": t["centre"][1:]},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_tensors_that_are_no_such_table_are_refused(fault):
    table = table_of(centred=True)
    with pytest.raises(ValueError, match=r"values|masks|weight|centre"):
        PrunedTable(FIELDS, DIM, "float16", centred=True).load_serving(FAULTS[fault](table.serving()))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"granularity": "field"}, "row_column, row, column, global"), ({"search_epochs": 0}, "at least 1")],
)
def test_options_outside_their_range(options, said):
    with pytest.raises(UsageError, match=said):
        Pep(**options)


def test_a_budget_without_room_for_an_entry_names_the_smallest():
    with pytest.raises(UsageError, match=r"1 entries take \d+ already"):
        table_of(100)
