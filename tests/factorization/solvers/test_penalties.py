"""Penalties that validation chooses: those of a grid, at the cost of a few passes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.thinning import thinned
from cadc.errors import UsageError
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.fm import FactorizationMachine
from cadc.factorization.logistic import LogisticMF
from cadc.factorization.solvers.penalties import AUTO, Descent, fit_penalised, search
from cadc.testing import check_factorization
from tests.factorization.test_fitted_rows import same, with_flipped_labels
from tests.support.helpers import small_synthetic_log

pytestmark = pytest.mark.usefixtures("empty_cache")


class Ridge(Descent):
    """Ridge regression on each column alone; a pass solves it exactly."""

    def __init__(self, rows, names):
        (self.x, self.y), (self.held_x, self.held_y) = rows
        self.names = names
        self.weights = torch.zeros(len(names), dtype=torch.float64)

    def step(self, penalties):
        self.passes += 1
        for place, name in enumerate(self.names):
            own = self.x[:, place]
            self.weights[place] = own @ self.y / (own @ own + penalties[name])

    def loss(self):
        return float((self.held_x @ self.weights - self.held_y).square().mean())

    def state(self):
        return [self.weights]

    def restore(self, state):
        self.weights.copy_(state[0])


def made_up(seed, n=40, names=("l2_bias", "l2")):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=len(names)) * 0.4
    x = [np.linalg.qr(rng.normal(size=(n, len(names))))[0] * 3 for _ in range(2)]
    return [(torch.from_numpy(own), torch.from_numpy(own @ weights + rng.normal(size=n))) for own in x]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_search_ends_at_the_best_penalties_of_a_grid_of_powers_of_two(seed):
    rows, names = made_up(seed), ("l2_bias", "l2")
    fit, penalties = Ridge(rows, names), dict.fromkeys(names, 4.0)
    fit.step(penalties)
    found = search(fit, penalties, names, fit.loss(), 0.0, 400)
    other = Ridge(rows, names)
    grid = {}
    for first in range(-10, 11):
        for second in range(-10, 11):
            tried = {"l2_bias": 4 * 2.0**first, "l2": 4 * 2.0**second}
            other.step(tried)
            grid[tuple(tried.values())] = other.loss()
    # The columns are orthogonal, so that each penalty has one minimum whatever the other is.
    inside = {key for key in grid if all(2**-7 < value < 2**11 for value in key)}
    best = min(grid, key=grid.__getitem__)
    if best in inside:
        assert found == pytest.approx(grid[best], rel=1e-9)
        other.step(penalties)
        assert fit.loss() == other.loss() == found


def test_moves_that_lose_are_taken_back_and_a_penalty_that_is_given_stays():
    rows = made_up(3)
    fit = Ridge(rows, ("l2_bias", "l2"))
    penalties = {"l2_bias": 4.0, "l2": 4.0}
    fit.step(penalties)
    before = fit.loss()
    assert search(fit, penalties, ["l2"], before, 1e9, 50) <= before
    assert penalties["l2_bias"] == 4.0
    assert fit.loss() <= before
    assert fit.passes <= 3


@pytest.mark.parametrize("most", [0, 1, 3])
def test_search_takes_no_more_passes_than_it_may(most):
    fit = Ridge(made_up(0), ("l2_bias", "l2"))
    search(fit, {"l2_bias": 4.0, "l2": 4.0}, ["l2_bias", "l2"], np.inf, 0.0, most)
    assert fit.passes == most


def test_a_loss_that_is_nan_under_another_penalty_is_no_gain():
    class Fragile(Ridge):
        def loss(self):
            return super().loss() if self.passes == 1 else float("nan")

    fit, penalties = Fragile(made_up(0), ("l2_bias", "l2")), {"l2_bias": 4.0, "l2": 4.0}
    fit.step(penalties)
    weights = fit.weights.clone()
    search(fit, penalties, ["l2_bias", "l2"], fit.loss(), 0.0, 50)
    assert penalties == {"l2_bias": 4.0, "l2": 4.0}
    assert torch.equal(fit.weights, weights)


def test_given_penalties_are_those_of_the_fit():
    def make(dim, biases):
        assert (dim, biases) == (2, None)
        return Ridge(made_up(0), ("l2_bias", "l2"))

    asked = {"l2": 3.0, "l2_bias": 5.0}
    chosen = fit_penalised(make, 2, asked, {"l2": 1.0, "l2_bias": 1.0}, EarlyStop(7, 9))
    assert (chosen.penalties, chosen.passes) == (asked, 7)


METHODS = {
    "mf": (LogisticMF, ("l2", "l2_bias")),
    "fm": (FactorizationMachine, ("l2", "l2_side", "l2_bias")),
}


@pytest.fixture(scope="module")
def log():
    return small_synthetic_log(n_rows=20000)


def validation_loss(factors, log):
    rows = log.rows("validation")
    return float(torch.nn.functional.binary_cross_entropy_with_logits(factors.logits(log, rows), log.labels(rows)))


@pytest.mark.parametrize("method", METHODS)
def test_chosen_penalties_of_a_sparse_log_are_nearly_as_good_as_the_best_of_a_grid(method):
    log = small_synthetic_log(n_rows=20000, n_users=2000, n_items=1000)
    make, names = METHODS[method]
    chosen, cost = make(**dict.fromkeys(names, AUTO)).fit(log, log.rows("train"), 4)
    grid = [
        validation_loss(make(l2=l2, l2_bias=l2_bias).fit(log, log.rows("train"), 4)[0], log)
        for l2 in (2.0, 32.0)
        for l2_bias in (1.0, 16.0)
    ]
    assert validation_loss(chosen, log) < min(grid) + 0.2 * (max(grid) - min(grid))
    assert set(cost) == {"seconds", "epochs", *names}


def test_biases_alone_have_the_penalty_of_a_grid(log):
    found, cost = LogisticMF(l2_bias=AUTO).fit(log, log.rows("train"), 0)
    grid = {
        l2_bias: validation_loss(LogisticMF(l2_bias=l2_bias, tolerance=0).fit(log, log.rows("train"), 0)[0], log)
        for l2_bias in 2.0 ** np.arange(-4, 10)
    }
    assert grid[cost["l2_bias"]] < min(grid.values()) + 1e-4
    assert validation_loss(found, log) < min(grid.values()) + 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_choice_reads_no_other_validation_rows_than_those_given(method):
    log = small_synthetic_log()
    make, names = METHODS[method]
    read = thinned(log.rows("validation"), 0.5)
    is_other = torch.ones(log.n_rows("validation"), dtype=torch.bool)
    is_other[read - log.rows("validation")[0]] = False
    changed = with_flipped_labels(log.rows("validation")[is_other])
    assert not torch.equal(changed.labels(log.rows("validation")), log.labels(log.rows("validation")))
    one, other = (make(**dict.fromkeys(names, AUTO)).fit(own, log.rows("train"), 4, read) for own in (log, changed))
    assert same(one[0], other[0])
    assert {name: one[1][name] for name in names} == {name: other[1][name] for name in names}


@pytest.mark.parametrize("method", METHODS)
def test_contract_is_kept_with_chosen_penalties(method):
    make, names = METHODS[method]
    check_factorization(make, max_epochs=4, **dict.fromkeys(names, AUTO))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["l2", "l2_bias"])
def test_penalties_below_zero_are_refused(method, name):
    with pytest.raises(UsageError, match=rf"factorization\.{name} is -1"):
        METHODS[method][0](**{name: -1.0})


def test_adam_takes_its_default_penalties():
    log = small_synthetic_log()
    chosen, given = (
        LogisticMF(solver="adam", max_epochs=2, **own).fit(log, log.rows("train"), 4)[0]
        for own in ({"l2": AUTO, "l2_bias": AUTO}, {})
    )
    assert same(chosen, given)
