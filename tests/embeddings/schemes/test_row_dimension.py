import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import Statistics
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.fitting.row_sizes import power_law_sizes, rows_of_sizes
from cadc.embeddings.schemes.row_dimension import RowDimension
from cadc.errors import UsageError

FIELDS = (Field("user", "user", 50), Field("item", "item", 80), Field("tags", "item", 12, bag=True))
DIM = 6
KEPT = {"user": (-2,), "item": (-1,)}


def counts_of(fields, seed=0):
    """Counts in descending order, ties among them, *unknown* first with none."""
    generator = np.random.default_rng(seed)
    found = {}
    for field in fields:
        counts = np.sort(generator.zipf(1.5, field.vocabulary_size).clip(max=10_000))[::-1].copy()
        counts[0] = 0
        found[field.name] = torch.from_numpy(counts)
    return found


def drawn(fields=FIELDS, dim=DIM, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(field.vocabulary_size, dim, generator=generator) for field in fields]


def table_of(budget, fields=FIELDS, kept=None, centred=False, **options):
    spec = TableSpec(fields, budget, centred, Statistics(counts_of(fields)), kept=kept or {})
    return RowDimension(dim=DIM, budget=budget, **options).table(spec)


def sizes_of(table):
    """The size of each row, by a loop over what is stored."""
    found = []
    for field, runs in zip(table.fields, table.runs.tolist(), strict=True):
        of_places = [size for size, n in zip(range(table.dim, -1, -1), runs, strict=True) for _ in range(n)]
        first = table.first_row[field.name]
        positions = range(field.vocabulary_size)
        if table.dealt is not None:
            positions = (table.dealt[first : first + field.vocabulary_size] - first).tolist()
        found += [of_places[at] for at in positions]
    return found


@pytest.mark.parametrize("policy", ["equal", "frequency", "random"])
@pytest.mark.parametrize("kept", [{}, KEPT])
def test_a_look_up_is_that_of_a_loop_over_rows(policy, kept):
    table = table_of(1400, kept=kept, policy=policy)
    table.initialise_from(drawn())
    orders = [
        [column % DIM for column in kept.get(field.name, ())]
        + [column for column in range(DIM) if column - DIM not in kept.get(field.name, ())]
        for field in FIELDS
    ]
    sizes, dense = sizes_of(table), torch.cat(drawn())
    of_field = [index for index, field in enumerate(FIELDS) for _ in range(field.vocabulary_size)]
    rows = torch.randint(table.n_rows, (300,), generator=torch.Generator().manual_seed(3))
    for row, found in zip(rows.tolist(), table.vectors(rows), strict=True):
        expected = torch.zeros(DIM)
        for column in orders[of_field[row]][: sizes[row]]:
            expected[column] = dense[row, column]
        assert torch.equal(found, expected)
    assert len(set(sizes)) > 1 and sum(sizes) == table.numbers


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 120), min_size=1, max_size=4),
    st.integers(1, 12),
    st.sampled_from(["equal", "frequency", "random"]),
    st.floats(0, 2),
    st.booleans(),
    st.sampled_from(["float32", "float16"]),
    st.integers(300, 20_000),
    st.integers(0, 3),
)
def test_sizes_add_up_to_exactly_what_the_budget_allows(sizes, dim, policy, alpha, centred, dtype, budget, seed):
    fields = [Field(f"f{index}", "context", n) for index, n in enumerate(sizes)]
    kept = {"f0": (-1,)} if dim > 1 else {}
    spec = TableSpec(fields, budget, centred, Statistics(counts_of(fields, seed)), kept=kept)
    scheme = RowDimension(dim=dim, ratio=1, policy=policy, alpha=alpha, dtype=dtype)
    try:
        table = scheme.table(spec)
    except UsageError as error:
        assert f"the embedding budget is {budget} bytes" in str(error)
        return
    used, of_number = len(file_bytes(table)), table.serving()["weight"].element_size()
    assert used <= budget
    # A header grows by 8 bytes where a number in it gets another digit.
    assert used + of_number + 8 > budget or table.numbers == table.n_rows * dim
    found = sizes_of(table)
    assert sum(found) == table.numbers and max(found) <= dim
    assert not kept or min(found[: sizes[0]]) >= 1


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5000), min_size=1, max_size=30), min_size=1, max_size=3),
    st.floats(0, 1.5),
    st.integers(1, 9),
    st.floats(0, 1),
    st.integers(0, 1),
)
def test_sizes_follow_one_power_law(counts, alpha, most, share, least):
    fields = [len(own) for own in counts]
    own = torch.cat([torch.tensor(sorted(part, reverse=True)) for part in counts])
    lowest = least * sum(fields)
    total = max(1, lowest) + int(share * (most * sum(fields) - max(1, lowest)))
    sizes = power_law_sizes(own, fields, alpha, [least] * len(fields), most, total)
    assert int(sizes.sum()) == total and int(sizes.min()) >= least and int(sizes.max()) <= most
    assert all((part.diff() <= 0).all() for part in sizes.split(fields))
    assert torch.equal(sizes.split(fields)[0].sort().values.flip(0), sizes.split(fields)[0])
    # Some factor has every size within one of factor·c^alpha, but for the bounds.
    weight = own.double().clamp(min=1) ** alpha
    above = ((sizes - 1) / weight)[sizes > least].max() if (sizes > least).any() else 0.0
    below = ((sizes + 1) / weight)[sizes < most].min() if (sizes < most).any() else float("inf")
    assert above <= below


def test_a_row_with_fewer_occurrences_than_one_after_it_is_as_large():
    counts = torch.tensor([0, 100, 10, 1])
    sizes = power_law_sizes(counts, [4], 0.5, [0], 8, 16)
    assert sizes[0] == sizes[1] and sizes.tolist() == sorted(sizes.tolist(), reverse=True)
    assert rows_of_sizes(sizes, [4], 8).sum(1).tolist() == [4]


def test_random_sizes_are_those_of_frequency_dealt_to_others():
    by_frequency, at_random = table_of(1300), table_of(1300, policy="random")
    # Its plan is longer by a seed, which takes the room of a few numbers.
    assert by_frequency.numbers - 16 <= at_random.numbers < by_frequency.numbers
    assert int((by_frequency.runs - at_random.runs).abs().sum()) <= 2 * (by_frequency.numbers - at_random.numbers)
    of_items = sizes_of(at_random)[50:130]
    assert (np.diff(of_items) > 0).any() and (np.diff(of_items) < 0).any()
    again = table_of(1300, policy="random")
    assert sizes_of(again) == sizes_of(at_random)


def test_equal_sizes_differ_by_one_at_most():
    sizes = sizes_of(table_of(1300, policy="equal"))
    assert max(sizes) - min(sizes) <= 1


def test_kept_columns_survive_in_every_row():
    table = table_of(900, kept=KEPT, centred=True)
    targets = drawn()
    table.initialise_from(targets)
    found = table.train().reconstruct() if table.dtype == "float32" else table.reconstruct()
    user, item = targets[0][:, -2], targets[1][:, -1]
    assert torch.allclose(found[:50, -2], user, atol=2e-3) and torch.allclose(found[50:130, -1], item, atol=2e-3)
    assert not torch.allclose(found[:50, -1], targets[0][:, -1], atol=0.1)
    # A column that is the same for all, such as ones, is in the mean.
    targets[0][:, -1] = 1.0
    table.initialise_from(targets)
    assert torch.allclose(table.reconstruct()[:50, -1], torch.ones(50), atol=1e-3)


def test_without_room_for_the_kept_columns_the_smallest_budget_is_named():
    with pytest.raises(UsageError, match=r"130 numbers take \d+ already"):
        table_of(600, kept=KEPT)


def test_gradients_are_those_of_finite_differences():
    fields = (Field("user", "user", 4), Field("item", "item", 5))
    spec = TableSpec(fields, 480, statistics=Statistics(counts_of(fields)), kept={"item": (-1,)})
    table = RowDimension(dim=3, budget=480, dtype="float32").table(spec).double()
    table.reset(0.5, torch.Generator().manual_seed(0))
    rows = torch.tensor([0, 3, 3, 8, 4, 5, 0])
    assert 5 < table.numbers < 27
    assert torch.autograd.gradcheck(lambda _: table.vectors(rows), (table.weight,))


@pytest.mark.parametrize("policy", ["frequency", "random"])
def test_a_stored_table_gives_the_same_bits(tmp_path, policy):
    table = table_of(1400, kept=KEPT, policy=policy)
    table.initialise_from(drawn())
    write_table(table, tmp_path / "table.safetensors")
    assert torch.equal(read_table(tmp_path / "table.safetensors").reconstruct(), table.reconstruct())


def test_runs_of_another_table_are_refused():
    table = table_of(1400)
    tensors = table.serving()
    tensors["runs"] = tensors["runs"].flip(1)
    with pytest.raises(ValueError, match="runs are of"):
        table_of(1400).load_serving(tensors)
    tensors["runs"] = tensors["runs"] + 1
    with pytest.raises(ValueError, match="not those of the rows"):
        table_of(1400).load_serving(tensors)


@pytest.mark.parametrize(
    ("options", "said"), [({"policy": "rank"}, "equal, frequency, random"), ({"alpha": -1}, "alpha")]
)
def test_options_outside_their_range(options, said):
    with pytest.raises(UsageError, match=said):
        RowDimension(**options)
