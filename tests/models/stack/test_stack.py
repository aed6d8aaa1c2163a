"""The stack that scores rows: a ridge logistic regression on the numbers of views, and on their products."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from cadc.errors import UsageError
from cadc.models.stack.ridge_logistic import ridge_logistic
from cadc.models.stack.stack import LARGEST, Stack
from cadc.testing import made_up_views, small_log


def columns_and_labels(n=300, k=4, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(3.0, [1.0, 5.0, 0.1, 2.0][:k], (n, k))
    logits = (x - 3) @ np.array([1.0, -0.2, 4.0, 0.0][:k])
    y = generator.random(n) < 1 / (1 + np.exp(-logits))
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.float64))


def objective(point, z, y, l2, weights, offset):
    logits = z @ point[:-1] + point[-1] + offset
    return (weights * np.logaddexp(0, np.where(y > 0, -logits, logits))).sum() + 0.5 * (l2 * point[:-1] ** 2).sum()


@pytest.mark.parametrize("l2", [0.5, [0.0, 1.0, 10.0, 100.0]])
@pytest.mark.parametrize(("weighted", "offset"), [(False, 0.0), (True, 0.7)])
def test_weights_are_those_of_an_optimiser(l2, weighted, offset):
    x, y = columns_and_labels()
    weights = torch.linspace(0.2, 3.0, len(y)).double() if weighted else None
    found = ridge_logistic(x, y, torch.tensor(l2), weights, offset)
    w = np.ones(len(y)) if weights is None else weights.numpy()
    mean = np.average(x, axis=0, weights=w)
    scale = np.sqrt(np.average((x.numpy() - mean) ** 2, axis=0, weights=w))
    args = ((x.numpy() - mean) / scale, y.numpy(), np.array(l2), w, offset)
    best = minimize(objective, np.zeros(5), args, method="BFGS", options={"gtol": 1e-9}).x
    assert np.allclose(found.weights.numpy(), best[:-1] / scale, atol=1e-4)
    assert found.bias == pytest.approx(best[-1] - (best[:-1] / scale * mean).sum(), abs=1e-3)


def test_a_constant_column_has_no_weight_and_collinear_ones_are_solved():
    x, y = columns_and_labels(k=1)
    found = ridge_logistic(torch.cat([x, x, torch.full_like(x, 7.0)], 1), y, 0.0)
    assert float(found.weights[2]) == 0
    assert float(found.weights[:2].sum()) == pytest.approx(float(ridge_logistic(x, y, 0.0).weights), rel=1e-3)


def test_separable_labels_leave_finite_weights():
    x = torch.tensor([[0.0], [1.0]])
    assert ridge_logistic(x, torch.tensor([0.0, 1.0]), 1e-3).weights.isfinite().all()


def test_products_are_weighed_with_their_own_penalty():
    log = small_log()
    rows = log.rows("train")
    plain, heavy, free = (Stack(made_up_views(log), "ctr", pairs_l2=l2) for l2 in (None, 1e9, 1.0))
    for stack in (plain, heavy, free):
        stack.fit_sample(log, rows)
    batch = log.gather(log.rows("test"))
    assert torch.allclose(plain(batch), heavy(batch), atol=1e-4), "products with a large penalty weigh nothing"
    z = ((free.views(batch) - free.mean) * free.slope).clamp(-LARGEST, LARGEST).double()
    own = free.weights
    expected = free.views(batch).double() @ own[:2] + free.bias
    expected += z[:, 0] ** 2 * own[2] + z[:, 0] * z[:, 1] * own[3] + z[:, 1] ** 2 * own[4]
    assert torch.allclose(free(batch), expected, atol=1e-6)


def test_products_learn_what_no_line_does():
    log = small_log()
    rows = log.rows("train")
    stacks = [Stack(made_up_views(log), "ctr", pairs_l2=l2) for l2 in (None, 1.0)]
    numbers = stacks[0].numbers(log, rows)
    labels = (numbers[:, 0] * numbers[:, 1] > 0).float()
    losses = []
    for stack in stacks:
        stack.fit_sample(log, rows)  # notes how numbers are spread
        found = ridge_logistic(stack.columns(numbers), labels, 1.0)
        logits = stack.columns(numbers).double() @ found.weights + found.bias
        losses.append(float(torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.double())))
    assert losses[1] < 0.6 * losses[0]


@pytest.mark.parametrize("own", [{"l2": -1.0}, {"pairs_l2": -1.0}])
def test_negative_penalties_are_refused(own):
    with pytest.raises(UsageError):
        Stack(made_up_views(small_log()), "ctr", **own)


def test_products_do_not_rank():
    with pytest.raises(UsageError, match="set it to null"):
        Stack(made_up_views(small_log()), "ranking", pairs_l2=1.0)
