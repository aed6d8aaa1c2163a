"""The closed-form solver: it ends where general-purpose optimisers do, and each pass lowers the loss."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.errors import CadcError, DataError, UsageError
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import Examples
from cadc.factorization.logistic import LogisticMF
from cadc.factorization.solvers.logistic_newton import fit_newton
from cadc.factorization.solvers.logistic_solution import Solution
from cadc.factorization.solvers.majorize import curvature, moments, newton
from cadc.factorization.workers.here import ThisProcess
from tests.support.helpers import ListSource, small_synthetic_log

N_USERS, N_ITEMS, DIM = 12, 9, 2


def small_problem(seed=0, n=400):
    """Labels of made-up pairs, ids from 1 on as those of a log."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(1, N_USERS, n), rng.integers(1, N_ITEMS, n)
    taste, kind = rng.normal(size=(N_USERS, DIM)), rng.normal(size=(N_ITEMS, DIM))
    logit = (taste[first] * kind[second]).sum(1) + 0.5
    labels = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return Examples((torch.from_numpy(first), torch.from_numpy(second)), torch.from_numpy(labels))


def objective(flat, examples, l2, l2_bias):
    """Penalised loss and gradient in float64; *unknown* has no vector."""
    cuts = np.cumsum([N_USERS * DIM, N_ITEMS * DIM, N_USERS, N_ITEMS])
    u, v, b_u, b_v, b = np.split(flat, cuts)
    u, v = u.reshape(-1, DIM), v.reshape(-1, DIM)
    first, second = (column.numpy() for column in examples.ids)
    label = examples.labels.double().numpy()
    logit = (u[first] * v[second]).sum(1) + b_u[first] + b_v[second] + b
    loss = np.logaddexp(0, logit).sum() - (label * logit).sum()
    loss += l2 / 2 * ((u**2).sum() + (v**2).sum()) + l2_bias / 2 * ((b_u**2).sum() + (b_v**2).sum())
    error = 1 / (1 + np.exp(-logit)) - label
    gradients = [l2 * u, l2 * v, l2_bias * b_u, l2_bias * b_v, np.array([error.sum()])]
    for row, (i, j) in enumerate(zip(first, second, strict=True)):
        gradients[0][i] += error[row] * v[j]
        gradients[1][j] += error[row] * u[i]
        gradients[2][i] += error[row]
        gradients[3][j] += error[row]
    return loss, np.concatenate([gradient.ravel() for gradient in gradients])


class LastPass(EarlyStop):
    """Keeps the last pass, whatever its loss."""

    def tell(self, loss, state):
        self.best = []
        super().tell(loss, state)


def fitted(examples, l2, l2_bias, n_passes, relaxation=1.6, variational=False):
    generator = torch.Generator().manual_seed(0)
    vectors = [0.3 * torch.randn(size, DIM, generator=generator) for size in (N_USERS, N_ITEMS)]
    stop = LastPass(n_passes, n_passes)
    start, here = Solution.at(vectors), ThisProcess()
    return fit_newton(examples, examples, start, l2, l2_bias, variational, relaxation, stop, here)


def flat(solution):
    parts = [*solution.vectors, *solution.biases, torch.tensor([solution.global_bias])]
    return torch.cat([part.flatten() for part in parts]).double().numpy()


@pytest.mark.parametrize(("l2", "l2_bias"), [(1.0, 2.0), (4.0, 16.0)])
def test_fit_ends_at_a_minimum_that_scipy_does_not_improve(l2, l2_bias):
    examples = small_problem()
    found = flat(fitted(examples, l2, l2_bias, 300))
    loss, gradient = objective(found, examples, l2, l2_bias)
    assert np.abs(gradient).max() < 0.02
    further = minimize(objective, found, (examples, l2, l2_bias), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    assert loss - further.fun < 1e-3
    others = [
        minimize(objective, np.random.default_rng(seed).normal(size=len(found)), (examples, l2, l2_bias), jac=True).fun
        for seed in range(5)
    ]
    assert loss < min(others) + 0.02 * len(examples) / 100, "as good a minimum as from five random starts"


@pytest.mark.parametrize("relaxation", [0.5, 1.0, 1.6, 1.95])
@pytest.mark.parametrize("l2", [0.01, 4.0])
def test_every_pass_lowers_the_penalised_loss(relaxation, l2):
    examples = small_problem(n=3000)
    losses = [objective(flat(fitted(examples, l2, 1.0, n, relaxation)), examples, l2, 1.0)[0] for n in (1, 2, 3, 5, 9)]
    assert all(later < earlier + 1e-2 for earlier, later in pairwise(losses))


def test_variance_of_other_vectors_shrinks_vectors():
    examples = small_problem()
    plain, variational = (fitted(examples, 1.0, 2.0, 60, variational=flag) for flag in (False, True))
    assert variational.vectors[0].norm() < plain.vectors[0].norm()


def test_step_solves_each_penalised_least_squares_problem():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(5, 7, 4, generator=generator)
    weights, errors = torch.rand(5, 7, generator=generator), torch.randn(5, 7, generator=generator)
    parameters, penalties = torch.randn(5, 4, generator=generator), 0.1 + torch.rand(5, 4, generator=generator)
    padded = torch.cat([features, torch.full((5, 7, 1), 9.0)], 2)  # the last column may hold any numbers
    hessian, gradient = moments(padded, weights, errors)
    steps, variances = newton(hessian, gradient - parameters * penalties, penalties)
    for one in range(5):
        x, w = features[one].double().numpy(), weights[one].double().numpy()
        expected = np.diag(penalties[one].double().numpy())
        slope = -(penalties[one] * parameters[one]).double().numpy()
        for row in range(7):
            expected += w[row] * np.outer(x[row], x[row])
            slope += float(errors[one, row]) * x[row]
        np.testing.assert_allclose(steps[one], np.linalg.solve(expected, slope), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(variances[one], np.linalg.inv(expected).diagonal()[:3].mean(), rtol=1e-3)


def test_sums_over_the_many_examples_of_one_value_are_as_exact_as_those_over_few():
    generator = torch.Generator().manual_seed(0)
    n = 1_000_000
    features, weights = torch.randn(1, n, 4, generator=generator) + 0.3, torch.rand(1, n, generator=generator)
    errors = torch.rand(1, n, generator=generator)
    hessian, gradient = (found[0].numpy() for found in moments(features, weights, errors))
    x = features[0, :, :3].double().numpy()
    np.testing.assert_allclose(hessian, (x * weights[0].double().numpy()[:, None]).T @ x, rtol=3e-5)
    np.testing.assert_allclose(gradient, x.T @ errors[0].double().numpy(), rtol=3e-5)


def test_curvature_bounds_the_loss_by_a_parabola_that_touches_it():
    at, elsewhere = np.linspace(-20, 20, 81), np.linspace(-30, 30, 601)
    z = torch.from_numpy(at)
    bend = curvature(z, z.sigmoid()).numpy()
    loss = np.logaddexp(0, elsewhere)
    for centre, curve in zip(at, bend, strict=True):
        slope = 1 / (1 + np.exp(-centre))
        offset = elsewhere - centre
        parabola = np.logaddexp(0, centre) + slope * offset + 0.5 * curve * offset**2
        assert (parabola >= loss - 1e-4).all()


def test_system_without_penalty_is_still_solved_and_one_with_nan_is_not():
    singular = torch.zeros(2, 3, 3)
    singular[:, 0, 0] = 4.0
    steps, _ = newton(singular.clone(), torch.tensor([[2.0, 0, 0]] * 2), torch.zeros(2, 3))
    assert steps.isfinite().all()
    assert float(steps[0, 0]) == pytest.approx(0.5, rel=1e-3)
    with pytest.raises(CadcError, match=r"raise factorization\.l2"):
        newton(torch.full((1, 3, 3), float("nan")), torch.zeros(1, 3), torch.ones(1, 3))


def test_fit_is_finite_without_any_penalty():
    log = small_synthetic_log()
    factors, _ = LogisticMF(l2=0, l2_bias=0, variational=False, max_epochs=30).fit(log, log.rows("train"), 8)
    assert factors.logits(log, log.rows("test")).isfinite().all()


def test_values_without_rows_get_zero_vectors_and_the_mean_bias():
    log = small_synthetic_log()
    rows = log.rows("train")
    users = log.field_ids("user", rows)
    kept = rows[users != 3]
    factors, _ = LogisticMF(max_epochs=3).fit(log, kept, 4)
    others = [number for number in range(1, log.schema["user"].vocabulary_size) if number != 3]
    assert not factors.vectors["user"][3].any()
    assert float(factors.biases["user"][3]) == pytest.approx(float(factors.biases["user"][others].mean()), abs=1e-6)


def test_high_bias_penalty_moves_the_biases_into_the_vectors():
    log = small_synthetic_log(n_rows=20_000)
    rows = log.rows("train")
    cheap, dear = (LogisticMF(l2_bias=cost).fit(log, rows, 4)[0] for cost in (0.1, 3000.0))
    assert dear.biases["user"].std() < 0.2 * cheap.biases["user"].std()
    # What the biases no longer say, the vectors do: the logits stay close.
    both = torch.stack([cheap.logits(log, rows), dear.logits(log, rows)])
    assert torch.corrcoef(both)[0, 1] > 0.9


def test_fields_of_the_users_choice_are_factorised():
    log = small_synthetic_log()
    factors, _ = LogisticMF(fields=("category", "hour"), max_epochs=2).fit(log, log.rows("train"), 2)
    assert factors.fields == ("category", "hour")
    assert factors.logits(log, log.rows("test")).isfinite().all()


def test_unknown_value_in_training_rows_has_a_bias_of_its_own_and_no_vector():
    rng = np.random.default_rng(0)
    rows = [
        (int(u), int(i), int(u % 2 == 1), 0)
        for u, i in zip(rng.integers(0, 6, 900), rng.integers(0, 5, 900), strict=True)
    ]
    log = prepare(ListSource(rows, ["", "F", "", "F", "", "F"], [[] for _ in range(5)]), RandomSplit())
    factors, _ = LogisticMF(fields=("gender", "item"), l2_bias=0.1).fit(log, log.rows("train"), 2)
    assert not factors.vectors["gender"][0].any()
    assert factors.biases["gender"][0] < factors.biases["gender"][1] - 2, "a missing gender always has label 0 here"


@pytest.mark.parametrize("solver", ["newton", "adam"])
def test_implicit_feedback_ranks_the_items_a_user_takes_above_the_others(solver):
    # Even users take even items only; all rows have label 1.
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 20, 3000), rng.integers(0, 10, 3000)
    rows = [(int(u), int(2 * i + u % 2), 1, 0) for u, i in zip(users, items, strict=True)]
    log = prepare(ListSource(rows, ["F"] * 20, [[] for _ in range(20)]), RandomSplit())
    mf = LogisticMF(solver=solver, feedback="implicit", learning_rate=0.03, batch_size=256, l2=0.5)
    factors, _ = mf.fit(log, log.rows("train"), 4)
    scores = factors.vectors["user"] @ factors.vectors["item"].T + factors.biases["item"]
    own = log.vocabulary("user")[:, None] % 2 == log.vocabulary("item")[None] % 2
    assert scores[1:, 1:][torch.from_numpy(own)].min() > scores[1:, 1:][torch.from_numpy(~own)].max()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"relaxation": 2.0}, r"factorization\.relaxation is 2"),
        ({"relaxation": 0.0}, r"factorization\.relaxation is 0"),
        ({"tolerance": -1.0}, r"factorization\.tolerance is -1"),
        ({"negatives": 0}, r"factorization\.negatives is 0"),
        ({"fields": ("user",)}, r"factorization\.fields is \[user\]; name two"),
        ({"fields": ("user", "user")}, r"factorization\.fields is \[user, user\]"),
        ({"l2": -1.0}, r"factorization\.l2 is -1"),
    ],
)
def test_option_out_of_range_is_a_usage_error(options, says):
    with pytest.raises(UsageError, match=says):
        LogisticMF(**options)


def test_bag_is_no_side_of_a_matrix():
    log = small_synthetic_log()
    with pytest.raises(DataError, match="the field tags is a bag"):
        LogisticMF(fields=("user", "tags")).fit(log, log.rows("train"), 2)
