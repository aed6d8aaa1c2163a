import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import Statistics
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.schemes.mixed_dimension import MixedDimension, MixedDimensionTable, equal_shares
from cadc.errors import UsageError

FIELDS = (Field("user", "user", 60), Field("item", "item", 300), Field("tags", "item", 25, bag=True))
DIM = 8


def counts_of(fields, steep=1.0):
    return {field.name: (1000 * torch.arange(1, field.vocabulary_size + 1.0) ** -steep).long() for field in fields}


def drawn(fields=FIELDS, dim=DIM, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(field.vocabulary_size, dim, generator=generator) for field in fields]


def table_of(budget, fields=FIELDS, **options):
    scheme = MixedDimension(dim=DIM, budget=budget, **options)
    return scheme.table(TableSpec(fields, budget, statistics=Statistics(counts_of(fields))))


def test_each_block_starts_from_its_truncated_weighted_svd():
    table = MixedDimensionTable(FIELDS, DIM, [60, 100, 200, 25], [3, 5, 1, 8])
    targets, weights = drawn(), [torch.rand(field.vocabulary_size) + 0.1 for field in FIELDS]
    table.initialise_from(targets, weights)
    given, mass = torch.cat(targets).double().numpy(), torch.cat(weights).double().sqrt().numpy()[:, None]
    found, first = table.reconstruct().double().numpy(), 0
    for n, width in zip(table.rows, table.widths, strict=True):
        own = slice(first, first + n)
        u, s, vt = np.linalg.svd(mass[own] * given[own], full_matrices=False)
        best = (u[:, :width] * s[:width]) @ vt[:width] / mass[own]
        assert np.allclose(found[own], best, atol=1e-5)
        first += n


def test_rows_without_weight_leave_their_block_as_it_is():
    table = MixedDimensionTable(FIELDS, DIM, [60, 300, 25], [2, 2, 2])
    table.initialise_from([drawn()[0], None, None], std=0.3, generator=torch.Generator().manual_seed(1))
    alone = MixedDimensionTable(FIELDS, DIM, [60, 300, 25], [2, 2, 2])
    alone.initialise_from([None, None, None], std=0.3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(table.reconstruct()[60:], alone.reconstruct()[60:])
    assert not torch.allclose(table.reconstruct()[:60], alone.reconstruct()[:60])


@pytest.mark.parametrize("width", [1, 3, DIM])
def test_random_vectors_have_the_wanted_deviation(width):
    fields = [Field("item", "item", 20_000)]
    table = MixedDimensionTable(fields, DIM, [20_000], [width])
    table.initialise_from([None], std=0.2)
    assert float(table.reconstruct().square().mean().sqrt()) == pytest.approx(0.2, rel=0.02)


def test_a_look_up_is_that_of_a_loop_over_rows():
    table = MixedDimensionTable(FIELDS, DIM, [60, 100, 200, 25], [3, 5, 1, 8])
    table.initialise_from([None] * 3)
    rows = torch.randint(table.n_rows, (200,), generator=torch.Generator().manual_seed(2))
    ends, tables, maps = np.cumsum(table.rows), [], []
    place = height = 0
    for n, width in zip(table.rows, table.widths, strict=True):
        tables.append(table.weight[place : place + n * width].view(n, width))
        place += n * width
        maps.append(table.projection[height : height + width] if width < DIM else torch.eye(DIM))
        height += width if width < DIM else 0
    for row, found in zip(rows.tolist(), table.vectors(rows), strict=True):
        block = int(np.searchsorted(ends, row, side="right"))
        at = row - (ends[block] - table.rows[block])
        assert torch.allclose(found, tables[block][at] @ maps[block], atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    fields = (Field("user", "user", 3), Field("item", "item", 5))
    table = MixedDimensionTable(fields, 3, [3, 2, 3], [2, 1, 3]).double()
    table.reset(0.5, torch.Generator().manual_seed(0))
    rows = torch.tensor([7, 0, 2, 3, 3, 4, 5])

    # Its inputs are the weights themselves, which it changes in place.
    assert torch.autograd.gradcheck(lambda *_: table.vectors(rows), (table.weight, table.projection))


def test_larger_fields_have_fewer_columns_by_the_power_law():
    fields = (Field("user", "user", 1000), Field("item", "item", 100), Field("city", "user", 8000))
    table = table_of(120_000, fields, alpha=0.3, small=0, dtype="float32")
    factors = [width * n**0.3 for n, width in zip(table.rows, table.widths, strict=True) if width < DIM]
    above = [(width + 1) * n**0.3 for n, width in zip(table.rows, table.widths, strict=True) if width < DIM]
    # One factor gives all of them: width ≤ factor ÷ n^alpha < width + 1, but for the floor of one column.
    assert len(factors) > 1 and table.widths[2] < table.widths[0]
    assert max(f for f, w in zip(factors, table.widths, strict=False) if w > 1) < min(above)


def test_frequent_blocks_have_more_columns_and_powers_of_two_are_kept():
    table = table_of(4000, blocks=3)
    of_item = [width for n, width in zip(table.rows[3:6], table.widths[3:6], strict=True)]
    assert of_item == sorted(of_item, reverse=True) and of_item[0] > of_item[-1]
    rounded = table_of(4000, blocks=3, powers_of_two=True)
    assert set(rounded.widths) <= {1, 2, 4, 8}


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(1, 6))
def test_blocks_have_about_equal_occurrences(counts, parts):
    counts = torch.tensor(sorted(counts, reverse=True))
    cut = equal_shares(counts, parts)
    assert sum(cut) == len(counts) and min(cut) >= 1 and len(cut) <= parts
    if counts.sum() and len(cut) == parts:
        masses = [int(part.sum()) for part in counts.split(cut)]
        assert max(masses) <= counts.sum() / parts + counts.max()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=4),
    st.integers(1, 20),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from(["float32", "float16"]),
    st.integers(200, 40_000),
)
def test_lambda_is_the_largest_that_the_budget_allows(sizes, dim, alpha, powers, centred, blocks, dtype, budget):
    fields = [Field(f"f{index}", "context", n) for index, n in enumerate(sizes)]
    scheme = MixedDimension(dim=dim, ratio=1, alpha=alpha, blocks=blocks, powers_of_two=powers, dtype=dtype)
    spec = TableSpec(fields, budget, centred, Statistics(counts_of(fields)))
    try:
        table = scheme.table(spec)
    except UsageError as error:
        assert f"the embedding budget is {budget} bytes" in str(error)
        return
    used = len(file_bytes(table))
    assert used <= budget
    larger = scheme.table(TableSpec(fields, budget + 16, centred, spec.statistics))
    assert used <= len(file_bytes(larger)) and all(a <= b for a, b in zip(table.widths, larger.widths, strict=True))
    full = scheme.table(TableSpec(fields, None, centred, spec.statistics))
    assert full.widths == [dim] * len(full.rows)
    # The file of a slightly larger λ would be too large: a budget of its size is what it takes.
    if table.widths != full.widths:
        low, high = budget, len(file_bytes(full))
        while low + 1 < high:
            middle = (low + high) // 2
            at = scheme.table(TableSpec(fields, middle, centred, spec.statistics)).widths
            low, high = (middle, high) if at == table.widths else (low, middle)
        after = scheme.table(TableSpec(fields, high, centred, spec.statistics))
        assert after.widths != table.widths and len(file_bytes(after)) > budget


def test_a_stored_half_table_gives_the_same_bits(tmp_path):
    table = table_of(6000)
    table.initialise_from(drawn())
    write_table(table, tmp_path / "table.safetensors")
    assert torch.equal(read_table(tmp_path / "table.safetensors").reconstruct(), table.reconstruct())
    rows = torch.arange(table.n_rows)
    assert not torch.equal(table.train().vectors(rows), table.eval().vectors(rows))


@pytest.mark.parametrize(("options", "said"), [({"alpha": 1.5}, "alpha"), ({"blocks": 0}, "blocks")])
def test_options_outside_their_range(options, said):
    with pytest.raises(UsageError, match=said):
        MixedDimension(**options)
