import numpy as np
import pytest
from scipy.stats import t

from cadc.errors import DataError
from cadc.evaluation.statistics.crossed import crossed_interval


def normal_model(rng, n_users, n_seeds, user, seed, user_by_seed):
    """Return the seeds' means, and their replicates under draws of users, of a balanced two-way model."""
    values = (
        user * rng.normal(size=(n_users, 1))
        + seed * rng.normal(size=(1, n_seeds))
        + user_by_seed * rng.normal(size=(n_users, n_seeds))
    )
    weights = rng.multinomial(n_users, np.full(n_users, 1 / n_users), size=100) / n_users
    return values.mean(axis=0), weights @ values


@pytest.mark.parametrize(
    ("user", "seed", "user_by_seed"), [(1.0, 0.0, 0.3), (0.0, 0.1, 0.3), (0.6, 0.05, 0.6)], ids=str
)
def test_the_variance_is_that_of_the_mean_over_users_and_seeds(user, seed, user_by_seed):
    rng = np.random.default_rng(0)
    found = [
        crossed_interval(*normal_model(rng, 60, 3, user, seed, user_by_seed), n_units=60).standard_error ** 2
        for _ in range(400)
    ]
    expected = user**2 / 60 + (seed**2 + user_by_seed**2 / 60) / 3
    assert np.mean(found) == pytest.approx(expected, rel=0.15)


def test_without_an_effect_of_users_it_is_the_t_interval_over_seeds():
    observed = np.array([0.01, 0.03, 0.02])
    found = crossed_interval(observed, np.tile(observed, (50, 1)), n_units=10)
    assert (found.low, found.high) == pytest.approx(t.interval(0.95, 2, 0.02, observed.std(ddof=1) / np.sqrt(3)))
    assert found.degrees_of_freedom == pytest.approx(2)


def test_without_an_effect_of_seeds_it_is_the_interval_over_users():
    by_user = np.random.default_rng(0).normal(size=(5000, 1))
    found = crossed_interval(np.zeros(4), np.tile(by_user, (1, 4)), n_units=801)
    assert found.standard_error == pytest.approx(by_user.std(ddof=1))
    assert found.degrees_of_freedom == pytest.approx(800)


def test_variance_and_degrees_of_freedom_follow_the_share_of_the_seeds():
    # Replicates whose seeds covary by 0.3 and vary by 0.7; seeds whose mean has the variance 0.1.
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(200_000, 1)), rng.normal(size=(200_000, 3))
    replicates = np.sqrt(0.3) * shared + np.sqrt(0.4) * own
    found = crossed_interval(np.sqrt(0.3) * np.array([-1.0, 0.0, 1.0]), replicates, n_units=51)
    assert found.standard_error**2 == pytest.approx(0.4, rel=0.02)
    assert found.degrees_of_freedom == pytest.approx(1 / (0.25 / 2 + 0.75 / 50), rel=0.02)
    assert found.high == pytest.approx(t.ppf(0.975, found.degrees_of_freedom) * found.standard_error)


def test_users_that_do_not_matter_add_nothing():
    # By chance their covariance is below 0; the variance must not shrink by it.
    replicates = np.array([[1.0, -1.0], [-1.0, 1.0], [2.0, -2.0], [-2.0, 2.0]])
    found = crossed_interval(np.array([0.0, 1.0]), replicates, n_units=10)
    assert found.standard_error == pytest.approx(0.5)


def test_p_values_agree_with_the_ends_of_the_interval():
    rng = np.random.default_rng(1)
    observed, replicates = normal_model(rng, 200, 3, 1, 0.1, 0.5)
    found = crossed_interval(observed + 0.1, replicates + 0.1, n_units=200)
    p = found.p_two_sided()
    at_p = crossed_interval(observed + 0.1, replicates + 0.1, n_units=200, level=1 - p)
    assert min(abs(at_p.low), abs(at_p.high)) == pytest.approx(0, abs=1e-9)
    assert found.p_above(found.low) == pytest.approx(0.025)
    assert found.p_above(-found.high, sign=-1) == pytest.approx(0.025)


def test_one_seed_knows_users_only():
    replicates = np.random.default_rng(0).normal(size=(300, 1))
    found = crossed_interval(np.array([0.2]), replicates, n_units=50)
    assert found.n_seeds == 1
    assert found.standard_error == pytest.approx(replicates.std(ddof=1))


@pytest.mark.parametrize("difference", [0.0, 0.01])
def test_a_difference_that_never_varies_is_certain(difference):
    found = crossed_interval(np.full(3, difference), np.full((50, 3), difference), n_units=10)
    assert (found.low, found.high) == pytest.approx((difference, difference), abs=1e-12)
    assert found.p_two_sided() == pytest.approx(1.0 if difference == 0 else 0.0, abs=1e-12)
    assert found.p_above(-0.002) == pytest.approx(0.0, abs=1e-12)
    assert found.p_above(0.02) == pytest.approx(1.0)


def test_nan_and_too_few_users_raise_data_error():
    with pytest.raises(DataError, match="NaN"):
        crossed_interval(np.array([np.nan, 1.0]), np.ones((5, 2)), 10)
    with pytest.raises(DataError, match="two users"):
        crossed_interval(np.array([1.0, 1.0]), np.ones((5, 2)), 1)
