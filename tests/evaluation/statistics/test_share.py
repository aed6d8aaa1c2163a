"""Shares of a reference's metric against naive bootstraps, and ranks against loops over users."""

import numpy as np
import pandas as pd
import pytest

from cadc.evaluation.statistics import compare, share


def ranks(rng, skill, n_users=150, n_items=2):
    user = np.repeat(np.arange(n_users), n_items)
    rank = np.ceil(rng.exponential(size=len(user)) / skill)
    return pd.DataFrame({"row": np.arange(len(user)), "user": user, "item": np.arange(len(user)), "rank": rank})


def naive(rows, metric, users):
    """Return the mean over a list of users, one after the other; a user may be in it several times."""
    values = []
    for user in users:
        own = np.sort(rows.loc[rows["user"] == user, "rank"].to_numpy())
        inside = own[own <= 10]
        best = sum(1 / np.log2(2 + place) for place in range(min(10, len(own))))
        values.append(
            {
                "hr@10": float(len(inside) > 0),
                "recall@10": len(inside) / len(own),
                "ndcg@10": sum(1 / np.log2(1 + rank) for rank in inside) / best,
                "mrr": 1 / own[0],
            }[metric]
        )
    return float(np.mean(values))


@pytest.mark.parametrize("metric", ["hr@10", "ndcg@10", "recall@10", "mrr"])
def test_one_seed_of_ranks_is_compared_as_a_naive_bootstrap_over_users_does(metric):
    rng = np.random.default_rng(0)
    arm, reference = ranks(rng, 0.10), ranks(rng, 0.05)
    found = compare([arm], [reference], metric)
    users = np.arange(150)
    value = {name: naive(rows, metric, users) for name, rows in (("arm", arm), ("reference", reference))}
    assert found.interval.estimate == pytest.approx(value["arm"] - value["reference"])
    assert found.share.estimate == pytest.approx(value["arm"] / value["reference"])
    by_user = {
        name: np.array([naive(rows, metric, [user]) for user in users])
        for name, rows in (("arm", arm), ("reference", reference))
    }
    drawn = rng.integers(0, 150, size=(2000, 150))
    differences = by_user["arm"][drawn].mean(1) - by_user["reference"][drawn].mean(1)
    assert found.interval.standard_error == pytest.approx(differences.std(ddof=1), rel=0.08)
    ratios = by_user["arm"][drawn].mean(1) / by_user["reference"][drawn].mean(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    assert (found.share.low, found.share.high) == pytest.approx((low, high), rel=0.05)


def test_an_arm_has_all_of_itself_and_no_share_of_what_should_be_low():
    rng = np.random.default_rng(1)
    runs = [ranks(rng, 0.1) for _ in range(3)]
    assert compare(runs, runs, "ndcg@10").share == (1, 1, 1)
    scores = [
        pd.DataFrame({"row": np.arange(200), "label": np.arange(200) % 2.0, "probability": rng.random(200)})
        for _ in range(2)
    ]
    assert compare(scores, scores, "logloss").share is None


def test_nothing_is_a_share_of_nothing():
    none = np.zeros(3)
    some = np.full(3, 0.1)
    assert share(none, some, np.zeros((9, 3)), np.full((9, 3), 0.1), 20) is None
    assert share(some, none, np.full((9, 3), 0.1), np.zeros((9, 3)), 20) is None


def test_seeds_that_differ_widen_a_share_and_common_noise_does_not():
    rng = np.random.default_rng(2)
    reference = np.array([0.10, 0.12, 0.08, 0.11])
    draws = reference + 1e-4 * rng.normal(size=(500, 1))
    narrow = share(0.9 * reference, reference, 0.9 * draws, draws, 500)
    assert narrow.estimate == pytest.approx(0.9)
    assert narrow.high - narrow.low < 1e-6
    wide = share(0.09 + 0 * reference, reference, 0.09 + 0 * draws, draws, 500)
    assert wide.low < 0.8
    assert wide.high > 0.95


def test_shares_cover_the_truth_as_often_as_they_say():
    """Users and seeds both vary; the means of arm and reference are known."""
    rng = np.random.default_rng(3)
    n_users, n_seeds, truth, hits, n_tables = 80, 4, 0.8, 0, 400
    for _ in range(n_tables):
        taste = rng.gamma(4.0, 0.25, size=n_users)
        seed_part = rng.normal(0, 0.05, size=(2, n_seeds, 1))
        noise = rng.normal(0, 0.2, size=(2, n_seeds, n_users))
        arm = truth * (taste + seed_part[0] + noise[0])
        reference = taste + seed_part[1] + noise[1]
        drawn = rng.integers(0, n_users, size=(200, n_users))
        found = share(
            arm.mean(1),
            reference.mean(1),
            arm[:, drawn].mean(2).T,
            reference[:, drawn].mean(2).T,
            n_users,
        )
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / n_tables <= 0.98


def test_values_that_are_kept_are_the_values_that_are_computed():
    rng = np.random.default_rng(4)
    arm, reference, other = ([ranks(rng, skill) for _ in range(2)] for skill in (0.1, 0.05, 0.07))
    for name, runs in (("arm", arm), ("reference", reference), ("other", other)):
        for number, rows in enumerate(runs):
            rows.attrs["run"] = f"{name} {number}"
    memory = {}
    first = compare(arm, reference, "ndcg@10", memory=memory)
    assert len(memory) == 4
    assert first.interval == compare(arm, reference, "ndcg@10").interval
    assert compare(other, reference, "ndcg@10", memory=memory).interval == compare(other, reference, "ndcg@10").interval
    assert len(memory) == 6
    assert compare(arm, reference, "mrr", memory=memory).interval == compare(arm, reference, "mrr").interval
    assert len(memory) == 10


def test_rows_whose_run_is_not_known_are_not_taken_for_others():
    rng = np.random.default_rng(5)
    arm, reference, other = ([ranks(rng, skill) for _ in range(2)] for skill in (0.1, 0.05, 0.07))
    memory = {}
    for runs in (arm, other):
        assert (
            compare(runs, reference, "ndcg@10", memory=memory).interval == compare(runs, reference, "ndcg@10").interval
        )
    assert not memory
    for number, rows in enumerate(reference):
        rows.attrs["run"] = f"reference {number}"
    for runs in (arm, other):
        assert (
            compare(runs, reference, "ndcg@10", memory=memory).interval == compare(runs, reference, "ndcg@10").interval
        )
    assert len(memory) == 2
