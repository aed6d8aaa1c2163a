"""Adam on the rows of a batch alone."""

from copy import deepcopy

import pytest
import torch
from torch.nn.functional import embedding

from cadc.training.lazy_adam import LazyAdam


def run(optimizer_class, sparse, batches, weight_decay=0.0):
    table = torch.nn.Parameter(torch.arange(12.0).view(4, 3) / 10)
    other = torch.nn.Parameter(torch.ones(3))
    groups = [{"params": [table], "weight_decay": weight_decay}, {"params": [other]}]
    optimizer = optimizer_class(groups, lr=0.01)
    for rows in batches:
        optimizer.zero_grad()
        found = embedding(torch.tensor(rows), table, sparse=sparse)
        optimizer.step(lambda found=found: ((found * other).sum() ** 2).backward())
    return table.detach(), other.detach()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_where_every_batch_meets_every_row_it_is_adam(weight_decay):
    batches = [[0, 1, 2, 3, 3], [3, 2, 1, 0, 1], [0, 0, 1, 2, 3]]
    lazy = run(LazyAdam, True, batches, weight_decay)
    adam = run(torch.optim.Adam, False, batches, weight_decay)
    for mine, theirs in zip(lazy, adam, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_rows_that_no_batch_meets_stay_as_they_are():
    table, _ = run(LazyAdam, True, [[0, 1], [1, 1], [0, 1]], weight_decay=0.5)
    start = torch.arange(12.0).view(4, 3) / 10
    assert torch.equal(table[2:], start[2:])
    assert (table[:2] != start[:2]).all()
    # Adam's own decay and momentum move them.
    assert (run(torch.optim.Adam, False, [[0, 1]], weight_decay=0.5)[0][2:] != start[2:]).all()


def test_a_row_moves_by_the_formula_in_its_own_steps_alone():
    weight = torch.nn.Parameter(torch.tensor([[1.0], [2.0]], dtype=torch.float64))
    optimizer = LazyAdam([weight], lr=0.1, weight_decay=0.2)
    first, second, value = 0.0, 0.0, 2.0
    for step, rows in enumerate([[0], [1, 1], [0], [1]], 1):
        optimizer.zero_grad()
        (3 * embedding(torch.tensor(rows), weight, sparse=True)).sum().backward()
        optimizer.step()
        if 1 in rows:
            slope = 3 * rows.count(1) + 0.2 * value
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            value -= 0.1 * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)) ** 0.5 + 1e-8)
    assert weight[1].item() == pytest.approx(value)


def test_a_saved_state_goes_on():
    weight = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = LazyAdam([weight], lr=0.1)

    def step(weight, optimizer, rows):
        optimizer.zero_grad()
        embedding(torch.tensor(rows), weight, sparse=True).sum().backward()
        optimizer.step()

    step(weight, optimizer, [0, 1])
    again = torch.nn.Parameter(weight.detach().clone())
    resumed = LazyAdam([again], lr=0.1)
    resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    step(weight, optimizer, [1, 2])
    step(again, resumed, [1, 2])
    assert torch.equal(weight, again)
