import numpy as np
import pandas as pd
import pytest

from cadc.errors import DataError, UsageError
from cadc.evaluation.metrics.auc import auc
from cadc.evaluation.metrics.gauc import gauc
from cadc.evaluation.metrics.logloss import logloss
from cadc.evaluation.metrics.lookup import comparable_metric, metric
from cadc.evaluation.statistics import compare, crossed_interval
from cadc.evaluation.statistics.multiplicities import multiplicities

PLAIN = {
    "auc": lambda rows: auc(rows["label"].to_numpy(), rows["probability"].to_numpy()),
    "logloss": lambda rows: logloss(rows["label"].to_numpy(), rows["probability"].to_numpy()),
    "gauc": lambda rows: gauc(rows["label"].to_numpy(), rows["probability"].to_numpy(), rows["user"].to_numpy()).value,
}


def saved(seed, noise, n_users=40, n_rows=900):
    """Return the saved scores of a run; its test rows depend on the seed alone."""
    rng = np.random.default_rng(seed)
    row = rng.permutation(5000)[:n_rows]
    user = np.array([f"u{number}" for number in row % n_users])
    logit = rng.normal(size=n_rows) + (row % n_users) / n_users
    label = (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    error = noise * np.random.default_rng([seed, int(100 * noise)]).normal(size=n_rows)
    return pd.DataFrame({"row": row, "label": label, "probability": 1 / (1 + np.exp(-logit - error)), "user": user})


def arms(n_seeds=3, first=0.3, second=1.0):
    return tuple([saved(seed, noise) for seed in range(n_seeds)] for noise in (first, second))


@pytest.mark.parametrize("metric", PLAIN)
def test_the_interval_is_that_of_rows_written_out_as_often_as_their_users_are_drawn(metric):
    arm, reference = arms()
    found = compare(arm, reference, metric, n_replicates=40)
    pairs = [[rows.sort_values("row", ignore_index=True) for rows in pair] for pair in zip(arm, reference, strict=True)]
    observed = np.array([PLAIN[metric](a) - PLAIN[metric](r) for a, r in pairs])
    np.testing.assert_allclose(found.by_seed, observed, atol=1e-12)
    users = np.unique(pd.concat(arm)["user"])
    replicates = []
    for (multiplicity,) in multiplicities(len(users), 40, np.random.default_rng(0), at_a_time=1):
        times = dict(zip(users, multiplicity, strict=True))
        line = []
        for pair in pairs:
            a, r = (PLAIN[metric](rows.loc[rows.index.repeat(rows["user"].map(times))]) for rows in pair)
            line.append(a - r)
        replicates.append(line)
    expected = crossed_interval(observed, np.array(replicates), len(users))
    assert tuple(found.interval) == pytest.approx(tuple(expected), abs=1e-12)
    assert (found.n_units, found.unit) == (40, "user")


@pytest.mark.parametrize(("metric", "sign"), [("auc", 1), ("gauc", 1), ("logloss", -1)])
def test_better_is_higher_or_lower_as_the_metric_says(metric, sign):
    good, bad = arms()
    found, back = compare(good, bad, metric), compare(bad, good, metric)
    assert np.sign(found.interval.estimate) == sign
    assert found.advantage > 0 > back.advantage
    assert found.p_difference < 0.05
    assert found.p_margin < 0.025 < 0.5 < back.p_margin
    assert back.interval.low == pytest.approx(-found.interval.high)


def test_the_order_of_rows_and_of_seeds_does_not_count():
    arm, reference = arms(3)
    shuffled = [rows.sample(frac=1, random_state=1) for rows in arm[::-1]]
    first, second = compare(arm, reference), compare(shuffled, reference[::-1])
    assert tuple(first.interval) == pytest.approx(tuple(second.interval), abs=1e-12)


def test_the_same_table_comes_out_again():
    assert compare(*arms(1)).interval == compare(*arms(1)).interval
    other = compare(*arms(1), generator=np.random.default_rng(1)).interval
    assert other.standard_error != compare(*arms(1)).interval.standard_error


def test_an_arm_is_as_good_as_itself():
    arm, _ = arms()
    found = compare(arm, arm)
    assert (found.interval.low, found.interval.high) == (0, 0)
    assert (found.p_difference, found.p_margin) == (1.0, 0.0)


def test_rows_are_drawn_where_there_are_no_users():
    arm, reference = ([rows.drop(columns="user") for rows in runs] for runs in arms())
    found = compare(arm, reference)
    assert found.unit == "row"
    assert found.n_units == len(set(pd.concat(arm)["row"]))
    with pytest.raises(DataError, match="gauc needs the column user"):
        compare(arm, reference, "gauc")


def test_users_that_share_their_errors_widen_the_interval():
    # One seed's rows twice, once with a user per row: the clustered errors of users must show.
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(30), 40)
    label = (rng.random(1200) < 0.5).astype(float)
    good = 1 / (1 + np.exp(-(2 * label - 1) * rng.normal(1, 1, 30)[user]))
    rows = pd.DataFrame({"row": np.arange(1200), "label": label, "probability": good, "user": user})
    constant = rows.assign(probability=0.5)
    by_user = compare([rows], [constant], "logloss").interval.standard_error
    by_row = compare([rows.drop(columns="user")], [constant.drop(columns="user")], "logloss").interval.standard_error
    assert by_user > 3 * by_row


def test_ranks_are_compared_by_user():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(200), 2)
    runs = [
        [
            pd.DataFrame({"user": user, "item": np.arange(400), "rank": np.ceil(scale * rng.exponential(size=400))})
            for _ in range(3)
        ]
        for scale in (8, 30)
    ]
    for name in ("hr@10", "ndcg@10", "recall@5", "mrr"):
        found = compare(*runs, name)
        values = [[metric(name).value(rows) for rows in arm] for arm in runs]
        assert found.by_seed == pytest.approx(np.subtract(*values))
        assert found.advantage > 0
        assert found.p_difference < 0.05


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows.iloc[1:], "the test rows differ: .* 900 .* 899"),
        (lambda rows: rows.assign(row=rows["row"] + 5000), "900 of 900 in the column row"),
        (lambda rows: rows.assign(label=1 - rows["label"]), "in the column label"),
        (lambda rows: rows.assign(user="x"), "in the column user"),
        (lambda rows: rows.drop(columns="label"), "needs the column label"),
        (lambda rows: rows.assign(probability=np.nan), "holds NaN"),
    ],
    ids=["fewer", "others", "labels", "users", "column", "NaN"],
)
def test_other_test_rows_are_refused(change, sentence):
    arm, reference = arms()
    with pytest.raises(DataError, match=sentence):
        compare(arm, [reference[0], change(reference[1]), reference[2]])


def test_runs_that_cannot_be_paired_are_refused():
    arm, reference = arms()
    with pytest.raises(DataError, match="3 and 2 runs"):
        compare(arm, reference[:2])


def test_a_metric_that_no_replicate_defines_is_refused():
    rows = saved(0, 0.3).iloc[:6].assign(label=[0, 0, 0, 0, 0, 1.0], user=list("abcdef"))
    with pytest.raises(DataError, match="undefined for many draws of 6 users"):
        compare([rows, rows], [rows, rows])
    with pytest.raises(DataError, match="undefined on the rows"):
        compare([rows.iloc[:5]], [rows.iloc[:5]])


@pytest.mark.parametrize("name", ["ece", "cold_share"])
def test_a_metric_that_says_nothing_of_a_difference_is_refused_with_those_that_do(name):
    with pytest.raises(UsageError, match=rf"{name}.*auc, brier, gauc, hr@K") as refused:
        comparable_metric(name)
    assert name not in str(refused.value).partition(";")[2]
