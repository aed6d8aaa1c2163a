import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from cadc.errors import DataError
from cadc.evaluation.metrics.hr import hit_rate
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.metrics.mrr import reciprocal_rank
from cadc.evaluation.metrics.ndcg import ndcg
from cadc.evaluation.metrics.recall import recall

RANK = st.integers(1, 60).map(float) | st.sampled_from([1.5, 10.5, math.inf])
PAIRS = st.lists(st.tuples(RANK, st.integers(0, 6)), min_size=1, max_size=40)


def by_loop(pairs, k):
    """Return HR, NDCG, recall and MRR by plain loops over users and their ranks."""
    users = {}
    for rank, user in pairs:
        users.setdefault(user, []).append(rank)
    hr, gain, share, first = [], [], [], []
    for ranks in users.values():
        hits = [rank for rank in ranks if rank <= k]
        hr.append(1.0 if hits else 0.0)
        best = sum(1 / math.log2(1 + place) for place in range(1, min(k, len(ranks)) + 1))
        gain.append(sum(1 / math.log2(1 + rank) for rank in hits) / best)
        share.append(len(hits) / len(ranks))
        first.append(1 / min(ranks))
    return tuple(sum(values) / len(values) for values in (hr, gain, share, first))


@given(PAIRS, st.sampled_from([1, 5, 10, 20]))
@settings(deadline=None, max_examples=200)
def test_metrics_equal_loops_over_users(pairs, k):
    rank, user = (np.array(column) for column in zip(*pairs, strict=True))
    rows = pd.DataFrame({"rank": rank, "user": user})
    found = tuple(metric(name).value(rows) for name in (f"hr@{k}", f"ndcg@{k}", f"recall@{k}", "mrr"))
    assert found == pytest.approx(by_loop(pairs, k), abs=1e-12)


def test_ndcg_equals_scikit_learn_with_several_held_out_items():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(25, 40))
    truth = rng.random((25, 40)) < 0.15
    truth[:, 0] = True
    rank = (-scores).argsort(1).argsort(1) + 1.0
    user, item = np.nonzero(truth)
    for k in (5, 10, 20):
        assert ndcg(rank[user, item], user, k).mean() == pytest.approx(ndcg_score(truth, scores, k=k), abs=1e-12)


def test_one_held_out_item_makes_recall_the_hit_rate():
    rank, user = np.array([3.0, 12.0, math.inf]), np.arange(3)
    np.testing.assert_array_equal(recall(rank, user, 10), hit_rate(rank, user, 10))
    np.testing.assert_array_equal(hit_rate(rank, user, 10), [1, 0, 0])


def test_a_miss_counts_zero_in_every_metric():
    rank, user = np.array([math.inf]), np.array([0])
    assert all(by_user(rank, user, 10) == [0.0] for by_user in (hit_rate, recall, ndcg, reciprocal_rank))


def test_a_tie_across_the_cut_is_no_hit():
    assert hit_rate(np.array([10.5]), np.array([0]), 10) == [0.0]
    assert hit_rate(np.array([9.5]), np.array([0]), 10) == [1.0]


def test_a_user_without_held_out_items_has_no_value():
    for by_user in (hit_rate, recall, ndcg, reciprocal_rank):
        assert np.isnan(by_user(np.array([1.0, 1.0]), np.array([0, 2]), 5)).tolist() == [False, True, False]


def test_the_cut_applies_to_the_reciprocal_rank():
    assert reciprocal_rank(np.array([4.0]), np.array([0]), k=3) == [0.0]
    assert reciprocal_rank(np.array([4.0]), np.array([0]), k=4) == [0.25]


def test_the_cut_of_mrr_is_optional():
    rows = pd.DataFrame({"rank": [4.0, 2.0], "user": [0, 1]})
    assert metric("mrr").value(rows) == 0.375
    assert metric("mrr@3").value(rows) == 0.25


def test_ids_of_users_may_be_of_any_type_and_rows_in_any_order():
    rows = pd.DataFrame({"rank": [1.0, 50.0, 7.0], "user": ["b", "a", "b"]})
    assert metric("hr@5").value(rows) == metric("hr@5").value(rows[::-1]) == 0.5
    assert metric("recall@5").value(rows.assign(user=[2.5, 1.0, 2.5])) == 0.25


@pytest.mark.parametrize("rank", [[], [1.0, math.nan]])
def test_no_ranks_or_nan_raises_data_error(rank):
    with pytest.raises(DataError, match="at least one held-out item"):
        metric("ndcg@10").value(pd.DataFrame({"rank": np.array(rank), "user": np.zeros(len(rank), int)}))
