"""A logistic regression for each value: the minimum that an optimiser finds for each of them alone."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from cadc.factorization import blocks
from cadc.views.value_regressions import regress_by_value

N_VALUES, N_OTHERS = 5, 7


def made_up_rows(n, dim, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(N_VALUES - 1, (n,), generator=generator)  # the last value has no rows
    others = torch.randint(N_OTHERS, (n,), generator=generator)
    labels = torch.randint(2, (n,), generator=generator).float()
    offset = 2 * torch.randn(n, generator=generator)
    return ids, others, labels, offset, torch.randn(N_OTHERS, dim, generator=generator)


def loss(weights, x, labels, offset, l2):
    logits = x @ weights + offset
    return np.sum(np.logaddexp(0, logits) - labels * logits) + l2 / 2 * weights @ weights


def own_rows(value, ids, others, labels, offset, features):
    own = (ids == value).numpy()
    x = np.c_[features.double().numpy()[others.numpy()[own]], np.ones(own.sum())]
    return x, labels.double().numpy()[own], offset.double().numpy()[own]


@given(st.integers(1, 80), st.integers(0, 4), st.sampled_from([0.5, 3.0, 300.0]), st.integers(0, 999))
@settings(deadline=None, max_examples=12)
def test_weights_are_the_minimum_for_each_value(n, dim, l2, seed):
    rows = made_up_rows(n, dim, seed)
    found = regress_by_value(*rows, N_VALUES, l2, n_steps=100).double().numpy()
    for value in range(N_VALUES):
        own = own_rows(value, *rows)
        best = minimize(loss, np.zeros(dim + 1), (*own, l2), tol=1e-12)
        np.testing.assert_allclose(found[value], best.x, atol=2e-3)


def test_no_step_increases_the_loss_even_from_extreme_logits():
    ids, others, labels, offset, features = made_up_rows(60, 3, seed=1)
    rows = ids, others, labels, 20 * offset, features
    for value in range(N_VALUES):
        own = own_rows(value, *rows)
        losses = [
            loss(regress_by_value(*rows, N_VALUES, 0.1, n_steps)[value].double().numpy(), *own, 0.1)
            for n_steps in range(6)
        ]
        assert all(later <= before + 1e-4 for before, later in pairwise(losses))


def test_values_without_rows_have_no_weights():
    assert not regress_by_value(*made_up_rows(60, 3, seed=0), N_VALUES, 1.0, 3)[N_VALUES - 1].any()


@pytest.mark.parametrize("cells", [1, 17])
def test_blocks_do_not_change_the_weights(monkeypatch, cells):
    rows = made_up_rows(80, 3, seed=2)
    expected = regress_by_value(*rows, N_VALUES, 1.0, 4)
    monkeypatch.setattr(blocks.blocks_of, "__defaults__", (cells, 1))
    torch.testing.assert_close(regress_by_value(*rows, N_VALUES, 1.0, 4), expected, atol=1e-5, rtol=1e-4)
