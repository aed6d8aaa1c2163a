"""Adam on the rows of a batch alone."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import embedding

from cadc.adam import STEPS_BETWEEN
from cadc.training.lazy_adam import LazyAdam

N_ROWS = 4


def run(optimizer_class, sparse, batches, beta1_of_table, weight_decay=0.0):
    table = torch.nn.Parameter(torch.arange(12.0, dtype=torch.float64).view(N_ROWS, 3) / 10)
    other = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    of_table = {"params": [table], "weight_decay": weight_decay, "betas": (beta1_of_table, 0.999)}
    optimizer = optimizer_class([of_table, {"params": [other]}], lr=0.01)
    for rows in batches:
        optimizer.zero_grad()
        found = embedding(torch.tensor(rows), table, sparse=sparse)
        optimizer.step(lambda found=found: ((found * other).sum() ** 2).backward())
    return table.detach(), other.detach()


some_rows = st.lists(st.integers(0, N_ROWS - 1), min_size=1, max_size=6)


@settings(deadline=None, max_examples=20)
@given(st.lists(some_rows, min_size=1, max_size=6))
def test_it_is_adam_without_momentum_of_the_table(batches):
    lazy = run(LazyAdam, True, batches, beta1_of_table=0.9)
    adam = run(torch.optim.Adam, False, batches, beta1_of_table=0.0)
    for mine, theirs in zip(lazy, adam, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def test_a_row_moves_as_far_at_once_as_adam_carries_it_while_it_rests():
    moved = []
    for optimizer_class in (LazyAdam, torch.optim.Adam):
        table = torch.nn.Parameter(torch.zeros(2, 1, dtype=torch.float64))
        optimizer = optimizer_class([table], lr=0.01)
        for number, row in enumerate([0, 1] + [0] * 150):
            optimizer.zero_grad()
            embedding(torch.tensor([row]), table, sparse=optimizer_class is LazyAdam).sum().backward()
            optimizer.step()
            if number == 0:  # the correction of Adam's bias hardly changes any more
                optimizer.state[table]["step"].fill_(5000)
        moved.append(-table[1].item())
    assert moved[0] == pytest.approx(moved[1], rel=0.02)


def test_rows_that_no_batch_meets_stay_as_they_are():
    table, _ = run(LazyAdam, True, [[0, 1], [1, 1], [0, 1]], 0.9, weight_decay=0.5)
    start = torch.arange(12.0, dtype=torch.float64).view(N_ROWS, 3) / 10
    assert torch.equal(table[2:], start[2:])
    assert (table[:2] != start[:2]).all()
    # Adam's own decay and momentum move them.
    assert (run(torch.optim.Adam, False, [[0, 1]], 0.9, weight_decay=0.5)[0][2:] != start[2:]).all()


def test_a_row_moves_by_the_formula_in_its_own_steps_alone():
    weight = torch.nn.Parameter(torch.tensor([[1.0], [2.0]], dtype=torch.float64))
    optimizer = LazyAdam([weight], lr=0.1, weight_decay=0.2)
    square, value = 0.0, 2.0
    for step, rows in enumerate([[0], [1, 1], [0], [1]], 1):
        optimizer.zero_grad()
        (3 * embedding(torch.tensor(rows), weight, sparse=True)).sum().backward()
        optimizer.step()
        square *= 0.999
        if 1 in rows:
            slope = 3 * rows.count(1) + 0.2 * value
            square += 0.001 * slope**2
            value -= 0.1 * slope / ((square / (1 - 0.999**step)) ** 0.5 + 1e-8)
    assert weight[1].item() == pytest.approx(value)


def test_a_saved_state_goes_on_bit_for_bit():
    weight = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = LazyAdam([weight], lr=0.1)

    def step(weight, optimizer, rows):
        optimizer.zero_grad()
        embedding(torch.tensor(rows), weight, sparse=True).sum().backward()
        optimizer.step()

    for rows in ([0, 1], [1], [0]):
        step(weight, optimizer, rows)
    again = torch.nn.Parameter(weight.detach().clone())
    resumed = LazyAdam([again], lr=0.1)
    resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    for rows in ([1, 2], [0, 1]):
        step(weight, optimizer, rows)
        step(again, resumed, rows)
    assert torch.equal(weight, again)


def test_other_weights_do_not_become_denormal_numbers():
    table, other = torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.tensor([1.0, 1e-13]))
    optimizer = LazyAdam([table, other], lr=0.0)
    for _ in range(STEPS_BETWEEN):
        optimizer.zero_grad()
        (embedding(torch.tensor([0]), table, sparse=True) * other).sum().backward()
        optimizer.step()
    assert other.tolist() == [1.0, 0.0]
