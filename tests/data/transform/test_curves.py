"""Curves of single columns: against naive loops, and for columns of any shape."""

import json
import math
from statistics import NormalDist, fmean, pstdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import probplot

from cadc.data.transform import (
    AutoTransform,
    Curve,
    DenseTransform,
    FittedTransform,
    LogTransform,
    NoTransform,
    RankTransform,
    StandardTransform,
)
from cadc.data.transform.auto import shapiro_francia
from cadc.errors import UsageError

FITTING = [AutoTransform(), StandardTransform(), LogTransform(), RankTransform(), RankTransform(knots=8)]
finite = st.floats(allow_nan=False, allow_infinity=False)
columns = st.one_of(
    st.lists(finite, min_size=1, max_size=60),
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=60),
    st.lists(st.sampled_from([1.6e9, 1.6e9 + 1, 1e30, -1e300, 0.0, 1e-6, 5e-324]), min_size=1, max_size=30),
    st.tuples(finite, st.integers(1, 9)).map(lambda own: [own[0]] * own[1]),
)


def naive_scores(values):
    """The normal score of each value's mid-rank, by counting."""
    inverse = NormalDist().inv_cdf
    return [inverse((sum(o < v for o in values) + sum(o == v for o in values) / 2) / len(values)) for v in values]


@settings(max_examples=300, deadline=None)
@given(columns, st.sampled_from(FITTING), st.lists(finite, max_size=20))
def test_curve_of_any_column_is_finite_and_keeps_the_order(values, transform, others):
    column = np.array(values)
    curve = transform.fit(column)
    everywhere = np.sort(np.concatenate([column, others]))
    inputs = curve(everywhere)
    assert np.isfinite(inputs.astype(np.float32)).all()
    assert (np.diff(inputs) >= -1e-12).all()  # but for rounding
    assert np.abs(curve(column)).max() <= 10
    if column.min() == column.max():
        assert (inputs == 0).all()


@settings(max_examples=200, deadline=None)
@given(columns, st.sampled_from(FITTING))
def test_curve_comes_back_from_json_with_the_same_bits(values, transform):
    curve = transform.fit(np.array(values))
    again = FittedTransform.from_text(FittedTransform(["x"], [curve]).to_text(), ["x"])
    assert again.curves == (curve,)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), min_size=2, max_size=50))
def test_rank_gives_the_normal_scores_of_mid_ranks(values):
    curve = RankTransform().fit(np.array(values))
    np.testing.assert_allclose(curve(np.array(values)), naive_scores(values), atol=1e-9)


def test_rank_between_and_beyond_the_training_values():
    curve = RankTransform().fit(np.array([1.0, 2.0, 4.0, 8.0]))
    low, high = naive_scores([1.0, 2.0, 4.0, 8.0])[1:3]
    assert curve(np.array([3.0]))[0] == pytest.approx((low + high) / 2)
    assert curve(np.array([-5.0, 1.0])).tolist() == [curve(np.array([1.0]))[0]] * 2
    assert curve(np.array([1e300, 8.0])).tolist() == [curve(np.array([8.0]))[0]] * 2


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.9])
def test_rank_with_bounded_knots_stays_close_to_the_exact_scores(zeros):
    rng = np.random.default_rng(1)
    values = np.where(rng.random(50_000) < zeros, 0.0, np.exp(3 * rng.normal(size=50_000)))
    curve, exact = RankTransform(knots=1000).fit(values), RankTransform(knots=10**6).fit(values)
    assert len(curve.knots) <= 1000 < len(exact.knots)
    assert curve(np.array([0.0])) == pytest.approx(exact(np.array([0.0])), abs=0.02)
    np.testing.assert_allclose(curve(values), exact(values), atol=0.02)


@pytest.mark.parametrize("offset, spread", [(0, 1), (1.6e9, 1e6), (1e15, 3), (0, 1e-6), (0, 1e200), (-1e18, 1e5)])
def test_standard_subtracts_the_mean_and_divides_by_the_deviation(offset, spread):
    rng = np.random.default_rng(0)
    values = [float(value) for value in offset + spread * rng.normal(size=200)]
    mean = fmean(values)
    deviation = spread * pstdev([(value - mean) / spread for value in values])
    found = StandardTransform().fit(np.array(values))(np.array(values))
    np.testing.assert_allclose(found, [(value - mean) / deviation for value in values], rtol=1e-6, atol=1e-9)


def test_log_standardises_the_signed_logarithm():
    values = [0.0, 3.0, -20.0, 1e9, 7.0]
    logs = [math.copysign(math.log(1 + abs(value)), value) for value in values]
    expected = [(value - fmean(logs)) / pstdev(logs) for value in logs]
    np.testing.assert_allclose(LogTransform().fit(np.array(values))(np.array(values)), expected)


def test_statistic_of_auto_is_the_correlation_with_normal_scores():
    values = np.random.default_rng(0).gamma(2, size=2000)
    # scipy's plotting positions are Filliben's, which differ a little from mid-ranks.
    (_, (_, _, correlation)) = probplot(values)
    assert shapiro_francia(values) == pytest.approx(correlation**2, abs=0.003)


def columns_by_kind(n=4000):
    rng = np.random.default_rng(5)
    z = rng.normal(size=n)
    outlier = np.append(rng.normal(size=n - 1), 1e30)
    straight = {
        "normal": z,
        "unix times": 1.6e9 + np.round(z * 1e6),
        "shares": z * 1e-6,
        "uniform": rng.random(n),
        "even binary": rng.integers(0, 2, n).astype(float),
        "ratings": rng.integers(1, 6, n).astype(float),
        "small counts": rng.poisson(3, n).astype(float),
    }
    ranked = {
        "prices": np.exp(12 + 3 * z).round(2),
        "one outlier": outlier,
        "rare counts": np.where(rng.random(n) < 0.99, 0, rng.poisson(20, n)).astype(float),
        "rare binary": (np.arange(n) < 5).astype(float),
        "two scales": np.concatenate([1e-6 * z[: n // 2], 1e6 + z[n // 2 :]]),
        "Cauchy": rng.standard_cauchy(n),
    }
    return straight, ranked


def test_auto_standardises_what_is_close_to_normal_and_ranks_the_rest():
    straight, ranked = columns_by_kind()
    for name, values in straight.items():
        assert AutoTransform().fit(values) == StandardTransform().fit(values), name
    for name, values in ranked.items():
        assert AutoTransform().fit(values) == RankTransform().fit(values), name


def test_auto_brings_the_same_information_at_any_scale_to_nearly_the_same_inputs():
    straight, ranked = columns_by_kind()
    z = straight["normal"]
    for values in (straight["unix times"], straight["shares"], ranked["prices"]):
        assert np.corrcoef(z, AutoTransform().fit(values)(values))[0, 1] > 0.998


def test_auto_keeps_the_order_of_times_after_the_training_part():
    times = 1.6e9 + np.arange(10_000.0)
    curve = AutoTransform().fit(times)
    later = curve(times[-1] + np.arange(1.0, 10_000.0))
    assert later[0] > curve(times)[-1]
    assert (np.diff(later) > 0).all()


def test_none_leaves_columns_as_they_stand():
    assert NoTransform().fit(np.array([1e30, 3.0])) == Curve()
    assert FittedTransform(["x"], [Curve()]).apply(np.array([[0.1]]))[0, 0] == np.float32(0.1)


@pytest.mark.parametrize(
    "make, key",
    [
        (lambda: StandardTransform(limit=0), "limit"),
        (lambda: LogTransform(limit=math.inf), "limit"),
        (lambda: RankTransform(knots=1), "knots"),
        (lambda: AutoTransform(normality=2), "normality"),
    ],
)
def test_options_out_of_their_range_are_refused(make, key):
    with pytest.raises(UsageError, match=f"data.transform.{key}"):
        make()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '[{"column": "y"}]',
        '[{"column": "x", "scale": 0}]',
        '[{"column": "x", "scale": NaN}]',
        '[{"column": "x", "knots": [1, 1], "scores": [0, 1]}]',
        '[{"column": "x", "knots": [1, 2], "scores": [0]}]',
        '[{"column": "x", "knots": "12", "scores": [0, 1]}]',
        '[{"column": "x", "log": 1}]',
        '[{"column": "x", "run": "rm"}]',
        "[",
    ],
)
def test_damaged_curves_are_refused(text):
    with pytest.raises(ValueError):
        FittedTransform.from_text(text, ["x"])


def test_a_transform_of_ones_own_is_one_method():
    class Halved(DenseTransform):
        def fit(self, values):
            return Curve(scale=2.0)

    assert json.loads(FittedTransform(["x"], [Halved().fit(np.ones(1))]).to_text())[0]["scale"] == 2
