"""What holds for every scheme over random schemas, budgets, dimensions and batches."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.errors import UsageError
from tests.embeddings.support.schemes import BUDGETED, NODES, assert_same_bits, bag_of, scheme_of, smallest, trained

EXAMPLES = settings(
    deadline=None,
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@st.composite
def schemas(draw):
    sizes = draw(st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=4))
    return tuple(Field(f"f{number}", "context", size, bag) for number, (size, bag) in enumerate(sizes))


@st.composite
def cases(draw):
    """Fields, what is known of them, columns, a ratio, and seeds."""
    fields = draw(schemas())
    statistics = NOTHING_KNOWN
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 9)))
        counts = {own.name: torch.from_numpy(rng.zipf(1.6, own.vocabulary_size).clip(0, 10**6) - 1) for own in fields}
        statistics = Statistics(counts)
    return fields, statistics, draw(st.integers(1, 12)), draw(st.floats(1, 40)), draw(st.integers(0, 9))


def table_within(name, fields, statistics, dim, ratio, seed):
    """A table at this ratio or, where that is too much, at the smallest budget that there is; and its budget."""
    budget = int(sum(own.vocabulary_size for own in fields) * dim * 4 / ratio) if name in BUDGETED else None

    def make(of):
        generator = torch.Generator().manual_seed(seed)
        options = {"budget": of} if name in BUDGETED else {}
        scheme = scheme_of(name, dim=dim, **options)
        return scheme.table(TableSpec(fields, of, bool(seed % 2), statistics, generator=generator))

    try:
        if budget is not None:
            budget = max(budget, 1)
        return make(budget), budget
    except UsageError as error:
        assume("embedding.dim is" not in str(error))  # not every dimension suits every scheme
        least = smallest(error)
        assert least > budget
        return make(least), least


def targets_of(fields, dim, seed):
    generator = torch.Generator().manual_seed(seed)
    return [0.2 + 0.5 * torch.randn(own.vocabulary_size, dim, generator=generator) for own in fields]


def started(name, case):
    """A table that went through its phases; all its rows had targets."""
    fields, statistics, dim, ratio, seed = case
    table, budget = table_within(name, fields, statistics, dim, ratio, seed)
    table.initialise_from(targets_of(fields, dim, seed), None, 0.3, torch.Generator().manual_seed(seed))
    if table.search_epochs:
        trained(table, 2).settle()
    return trained(table, 1), budget


@pytest.mark.parametrize("name", NODES)
@given(case=cases(), lists=st.lists(st.lists(st.integers(0, 10**6), max_size=4), max_size=5))
@EXAMPLES
def test_budget_look_up_and_file(name, case, lists, tmp_path):
    fields, _, dim, _, seed = case
    table, budget = started(name, case)
    content = file_bytes(table)
    assert budget is None or len(content) <= budget
    table.eval()
    dense = table.reconstruct()
    assert dense.shape == (sum(own.vocabulary_size for own in fields), dim)
    assert dense.isfinite().all()

    write_table(table, tmp_path / "table")
    again = read_table(tmp_path / "table")
    assert torch.equal(again.reconstruct(), dense)
    assert file_bytes(again) == content

    single = [own for own in fields if not own.bag]
    rng = np.random.default_rng(seed)
    ids = torch.tensor([[rng.integers(own.vocabulary_size) for own in single] for _ in range(5)], dtype=torch.int32)
    with torch.no_grad():
        if single:
            found = table(ids)
            assert_same_bits([found], [again(ids)])
            for column, own in enumerate(single):
                expected = torch.stack([dense[table.first_row[own.name] + at] for at in ids[:, column].tolist()])
                torch.testing.assert_close(found[:, column], expected)
        for own in fields:
            if own.bag:
                values = [[value % own.vocabulary_size for value in row] for row in lists]
                found = table.pooled(own.name, bag_of(values))
                rows = [dense[[table.first_row[own.name] + at for at in row]] for row in values]
                expected = [row.mean(0) if len(row) else torch.zeros(dim) for row in rows]
                torch.testing.assert_close(found, torch.stack(expected) if rows else torch.empty(0, dim))


@pytest.mark.parametrize("name", NODES)
@given(case=cases())
@EXAMPLES
def test_a_start_from_targets_is_no_worse_than_zero(name, case):
    fields, statistics, dim, ratio, seed = case
    table, _ = table_within(name, fields, statistics, dim, ratio, seed)
    wanted = targets_of(fields, dim, seed)
    known = statistics.counts
    weights = [known.get(own.name, torch.zeros(own.vocabulary_size)) + 1 for own in fields]
    table.initialise_from(wanted, weights, 0.3, torch.Generator().manual_seed(seed))
    weight = torch.cat(weights).unsqueeze(1)
    error = float(((table.reconstruct().double() - torch.cat(wanted)).square() * weight).sum())
    zero = float((torch.cat(wanted).double().square() * weight).sum())
    assert error <= zero * (1 + 1e-5)
