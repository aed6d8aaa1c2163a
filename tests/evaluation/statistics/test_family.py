"""A family of comparisons: the verdict, the interval and the p value beside it say the same."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from cadc.errors import UsageError
from cadc.evaluation.statistics import CrossedInterval, compare, holm, holm_steps, interval_text, judge_family, p_text
from tests.evaluation.statistics.verdict_rules import ALPHA, expected, read, rejected


def crossed(difference, error, freedom, seeds):
    half = student.ppf(0.975, freedom) * error
    return CrossedInterval(difference, error, freedom, difference - half, difference + half, seeds)


LINE = st.tuples(
    st.sampled_from([0.0, 1e-5, 0.0005, 0.002, 0.0021, 0.01]) | st.floats(0, 0.02),
    st.sampled_from([1, -1]),
    st.sampled_from([1e-6, 0.0004, 0.001]) | st.floats(1e-6, 0.01),
    st.floats(1, 6000),
    st.integers(1, 8),
    st.booleans(),
).map(lambda drawn: (drawn[0] * drawn[1], *drawn[2:5], drawn[5] and drawn[0] == 0))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(LINE, min_size=1, max_size=8),
    st.lists(st.integers(0, 7), max_size=3),
    st.sampled_from([0.0, 0.002, 0.01]),
    st.booleans(),
)
@example(
    [(0.004, 0.0015, 5.0, 3, False), (0.05, 0.001, 5.0, 3, False), (0.0, 1e-6, 9.0, 3, False)], [0, 0], 0.002, True
)
def test_verdict_interval_and_p_value_say_the_same(lines, again, margin, higher_is_better):
    lines = [*lines, *(lines[place] for place in again if place < len(lines))]  # ties
    sign = 1 if higher_is_better else -1
    found = judge_family([crossed(*line[:4]) for line in lines], [line[4] for line in lines], margin, higher_is_better)
    near = [
        p
        for one in found
        for p, level in ((one.p_difference, ALPHA), (one.p_margin, ALPHA / 2))
        if abs(p - level) < 1e-9
    ]
    assume(not near)  # two ways to compute a p value may round to two sides of the level
    assert [one.verdict for one in found] == expected(lines, sign, margin)
    for one, line in zip(found, lines, strict=True):
        if one.verdict in ("equal", "one seed"):
            assert np.isnan([one.p_difference, one.p_margin]).all()
            assert (one.low, one.high) == crossed(*line[:4])[3:5]
            continue
        assert one.low <= line[0] <= one.high or line[1] < 1e-5
        assert read(interval_text(one.low, one.high, (0, margin, -margin)), sign, margin) == one.verdict
        p = one.p_margin if one.verdict.startswith("as good") else one.p_difference
        level = ALPHA / 2 if one.verdict.startswith("as good") else ALPHA
        assert (float(p_text(p, level).lstrip("<")) < level) == (one.verdict != "undecided")


@given(st.lists(LINE, min_size=1, max_size=8), st.sampled_from([0.0, 0.002]))
@settings(max_examples=30, deadline=None)
def test_the_other_direction_turns_everything_round(lines, margin):
    ups = judge_family([crossed(*line[:4]) for line in lines], [line[4] for line in lines], margin, True)
    turned = [(-line[0], *line[1:]) for line in lines]
    downs = judge_family([crossed(*line[:4]) for line in turned], [line[4] for line in turned], margin, False)
    assert [one.verdict for one in ups] == [one.verdict for one in downs]
    np.testing.assert_allclose([[one.low, one.high] for one in ups], [[-one.high, -one.low] for one in downs])


def test_a_single_comparison_has_the_two_sided_interval():
    for difference in (0.01, 0.001, -0.001, -0.01):
        (one,) = judge_family([crossed(difference, 0.0009, 7.0, 3)], [False], 0.002, True)
        assert (one.low, one.high) == pytest.approx(crossed(difference, 0.0009, 7.0, 3)[3:5])


def test_one_seed_and_equal_arms_do_not_count_in_the_family():
    tested = [crossed(0.004, 0.001, 9.0, 3), crossed(-0.01, 0.002, 9.0, 5)]
    beside = [crossed(0.5, 0.001, 9000.0, 1), crossed(0.0, 0.0, 9000.0, 3)]
    alone = judge_family(tested, [False, False], 0.002, True)
    assert judge_family([*tested, *beside], [False, False, False, True], 0.002, True)[:2] == alone


def test_the_interval_of_what_is_as_good_but_not_better_reaches_to_zero():
    """It is certain alone, and within the margin; among many that are undecided it is not better."""
    many = [crossed(-0.001, 0.01, 50.0, 3)] * 8
    one = judge_family([crossed(0.0026, 0.001, 500.0, 3), *many], [False] * 9, 0.002, True)[0]
    assert one.verdict == "as good (0.002)"
    assert one.low <= 0 < one.high


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02]), min_size=1, max_size=12), st.floats(0.001, 0.999))
def test_a_test_is_rejected_at_its_step_if_holm_rejects_it(p, level):
    steps = holm_steps(p, level)
    for place, (one, step) in enumerate(zip(p, steps, strict=True)):
        assert (one * step < level) == (place in rejected(dict(enumerate(p)), level))
    assert (steps <= len(p)).all() and (steps >= 1).all()
    assert np.unique(steps[holm(p) >= level]).size <= 1  # the procedure ends once


@pytest.mark.parametrize("n_seeds", range(1, 9))
@pytest.mark.parametrize("metric", ["auc", "logloss"])
def test_a_comparison_of_saved_scores_says_the_same_in_print(metric, n_seeds):
    sign = 1 if metric == "auc" else -1
    rng = np.random.default_rng(n_seeds)
    row, label = np.arange(400), rng.integers(0, 2, 400)
    for noise, margin in ((0.0, 0.002), (0.02, 0.002), (0.02, 0.0), (0.2, 0.02), (1.5, 0.002)):
        runs: list[list[pd.DataFrame]] = [[], []]
        for _ in range(n_seeds):
            scores = rng.normal(label, 1.0)
            for side, own in enumerate((scores, scores + noise * rng.normal(size=400))):
                columns = {"row": row, "label": label, "user": row % 40, "probability": 1 / (1 + np.exp(-own))}
                runs[side].append(pd.DataFrame(columns))
        found = compare(*runs, metric=metric, margin=margin, n_replicates=100)
        assert (found.verdict == "equal") == (noise == 0)
        assert (found.verdict == "one seed") == (noise > 0 and n_seeds == 1)
        assert f" {n_seeds} seed" in str(found)
        if noise and n_seeds > 1:
            assert read(re.search(r"\[.*?\]", str(found))[0], sign, margin) == found.verdict
            p = re.search(r"(one-sided )?p = <?([\d.]+)", str(found))
            level = ALPHA / 2 if p[1] else ALPHA
            assert (float(p[2]) < level) == (found.verdict != "undecided")


@pytest.mark.parametrize("margin", [-0.002, float("nan")])
def test_a_margin_below_0_is_refused(margin):
    rows = pd.DataFrame({"row": [0, 1], "label": [0, 1], "probability": [0.1, 0.2]})
    with pytest.raises(UsageError, match=r"margin is .*; expected 0 or more"):
        compare([rows], [rows], margin=margin)
