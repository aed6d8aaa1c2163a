import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.errors import DataError, UsageError
from cadc.evaluation.metrics.auc import auc
from cadc.evaluation.strata import by_activity, by_quarter, metrics_by_stratum, n_rows_of, warm_and_cold

ENTITY = st.sampled_from("abcdef")


@given(st.lists(ENTITY, max_size=20), st.lists(ENTITY, max_size=40))
def test_rows_are_counted_as_a_loop_counts_them(test, train):
    assert n_rows_of(np.array(test, object), np.array(train, object)).tolist() == [train.count(name) for name in test]


@pytest.mark.parametrize("edges", [(1, 5, 20, 100), (1, 2, 3), (3,)])
def test_classes_of_activity_hold_what_their_names_say(edges):
    n_rows = np.arange(130)
    for count, name in zip(n_rows, by_activity(n_rows, edges), strict=True):
        low, _, high = name.rstrip("+").partition("-")
        assert count >= int(low)
        assert name.endswith("+") or count <= int(high or low)


@pytest.mark.parametrize("edges", [(), (0, 5), (5, 5), (5, 1)])
def test_edges_that_do_not_rise_raise_usage_error(edges):
    with pytest.raises(UsageError, match="activity edges are"):
        by_activity(np.array([1]), edges)


def test_strata_split_rows_users_and_the_metric():
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(
        {
            "label": rng.integers(0, 2, 300).astype(float),
            "probability": rng.random(300),
            "user": rng.integers(0, 30, 300),
        }
    )
    stratum = warm_and_cold(scores["user"].to_numpy() % 3, np.ones(300, int))
    table = metrics_by_stratum(scores, stratum, ["auc"]).set_index("stratum")
    assert list(table.index) == ["warm", "cold user"]
    assert table["n_rows"].sum() == 300
    assert table.loc["cold user", "n_users"] == 10
    warm = scores[scores["user"] % 3 > 0]
    assert table.loc["warm", "auc"] == auc(warm["label"].to_numpy(), warm["probability"].to_numpy())


def test_an_undefined_metric_is_empty_and_its_rows_are_counted():
    scores = pd.DataFrame({"label": [0.0, 0.0, 1.0], "probability": [0.1, 0.2, 0.3]})
    table = metrics_by_stratum(scores, by_activity(np.array([0, 0, 9])), ["auc"])
    assert table["n_rows"].tolist() == [2, 1]
    assert table["auc"].isna().all()
    assert table["n_users"].isna().all()


def test_strata_of_other_rows_raise_data_error():
    scores = pd.DataFrame({"label": [0.0], "probability": [0.1]})
    with pytest.raises(DataError, match="1 rows and 2 strata"):
        metrics_by_stratum(scores, by_activity(np.array([0, 1])), ["auc"])


@given(st.lists(st.tuples(st.integers(0, 8), st.none() | st.integers(0, 3)), min_size=1, max_size=30))
def test_quarters_count_each_user_once_and_leave_out_those_without_a_value(rows):
    of_user = dict(rows)
    user = np.array([own for own, _ in rows])
    value = np.array([np.nan if of_user[own] is None else of_user[own] for own in user])
    found = by_quarter(value, user)
    known = sorted(own for own in of_user.values() if own is not None)
    for code, own in zip(found.codes, value, strict=True):
        if np.isnan(own):
            assert code == -1
        else:
            assert code == sum(own > np.quantile(known, share) for share in (0.25, 0.5, 0.75))
