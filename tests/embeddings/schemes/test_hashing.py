"""The hashing trick against a loop over whole numbers of any size, and least squares."""

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.coding.hashes import PRIME, bucket
from cadc.embeddings.schemes.hashing import HashedTable, Hashing

FIELDS = (Field("user", "user", 90), Field("item", "item", 60))


def table_of(budget=1200, seed=0):
    return Hashing(dim=3, budget=budget).table(TableSpec(FIELDS, budget, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("a", [1, 12345, PRIME - 1])
@pytest.mark.parametrize("m", [1, 7, 10**9])
def test_hash_does_not_overflow(a, m):
    rows = [0, 1, 2, 17, 10**6, 2**31, 2**32 - 1]
    b = PRIME - 1
    assert bucket(torch.tensor(rows), a, b, m).tolist() == [(a * row + b) % PRIME % m for row in rows]


def test_look_up_equals_a_loop():
    table = table_of()
    table.initialise_from([None, None])
    ids = torch.tensor([[0, 0], [89, 59], [3, 3]])
    found = table(ids)
    for row in range(3):
        for column, first in enumerate((0, 90)):
            slot = (table.a * (first + int(ids[row, column])) + table.b) % PRIME % table.rows
            assert torch.equal(found[row, column], table.weight[slot])


def test_all_rows_are_used_where_there_are_enough_values():
    table = Hashing(dim=3, budget=1000).table(TableSpec((Field("user", "user", 5000),), 1000))
    counts = torch.bincount(table.slots(torch.arange(5000)), minlength=table.rows)
    assert counts.min() > 0
    expected = 5000 / table.rows
    assert float((counts - expected).square().sum() / expected) < 2 * table.rows, "as even as chance"


def test_gradient_of_the_projection_error_is_zero_and_scipy_finds_nothing_better():
    table = table_of()
    generator = torch.Generator().manual_seed(1)
    wanted = [torch.randn(field.vocabulary_size, 3, generator=generator) for field in FIELDS]
    weights = [torch.rand(field.vocabulary_size, generator=generator) * 9 for field in FIELDS]
    table.initialise_from(wanted, weights)
    dense, weight = torch.cat(wanted), torch.cat(weights)
    rows = torch.arange(150)
    error = ((table.vectors(rows) - dense).square() * weight.unsqueeze(1)).sum()
    error.backward()
    assert float(table.weight.grad.abs().max()) < 1e-4
    matrix = np.zeros((150, table.rows))
    matrix[rows, table.slots(rows)] = 1
    root = weight.double().sqrt().numpy()
    best = sum(
        2 * lsq_linear(matrix * root[:, None], dense[:, column].double().numpy() * root).cost for column in range(3)
    )
    assert float(error.detach()) == pytest.approx(best, rel=1e-5)


def test_rows_that_no_target_reaches_stay_random():
    table = table_of()
    table.initialise_from([None, torch.ones(60, 3)], std=0.1, generator=torch.Generator().manual_seed(0))
    reached = torch.zeros(table.rows, dtype=torch.bool)
    reached[table.slots(torch.arange(90, 150))] = True
    assert 0 < int(reached.sum()) < table.rows
    assert torch.equal(table.weight[reached], torch.ones(int(reached.sum()), 3))
    rest = table.weight[~reached]
    assert float(rest.detach().abs().max()) < 0.6 and (rest != 0).all()


def test_one_more_row_would_not_fit():
    for budget in range(500, 900, 37):
        table = table_of(budget)
        larger = HashedTable(FIELDS, 3, table.rows + 1, table.a, table.b)
        assert len(file_bytes(table)) <= budget < len(file_bytes(larger))
