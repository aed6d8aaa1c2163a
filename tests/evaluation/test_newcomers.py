"""Metrics of new and of warm users and items."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cadc.evaluation.newcomers import metrics_of_newcomers


def test_scores_are_judged_apart_for_new_and_warm_users_and_items():
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "label": generator.integers(0, 2, 60).astype(np.float32),
            "probability": generator.random(60),
            "user_rows_before": generator.integers(0, 2, 60),
            "item_rows_before": generator.integers(0, 3, 60),
        }
    )
    found = metrics_of_newcomers(rows, "ctr")
    assert list(found) == ["warm users", "new users", "warm items", "new items"]
    for name, own in found.items():
        kind, _, sides = name.partition(" ")
        kept = [
            (row["label"], row["probability"])
            for row in rows.to_dict("records")
            if (row[f"{sides[:-1]}_rows_before"] > 0) == (kind == "warm")
        ]
        assert own["rows"] == len(kept)
        assert own["auc"] == pytest.approx(roc_auc_score(*zip(*kept, strict=True)))


def test_ranks_of_new_items_are_those_that_users_have_of_them():
    rows = pd.DataFrame(
        {
            "user": [1, 1, 2, 3],
            "item": [7, 8, 7, 9],
            "rank": [1.0, 30.0, 15.0, np.inf],
            "user_rows_before": [4, 4, 1, 2],
            "item_rows_before": [0, 5, 0, 5],
        }
    )
    found = metrics_of_newcomers(rows, "ranking")
    assert list(found) == ["warm users", "warm items", "new items"]
    assert found["new items"] == {"rows": 2, "recall@20": 1.0, "ndcg@20": (1 + 1 / 4) / 2, "hr@10": 0.5}
    assert found["warm items"]["recall@20"] == 0


def test_a_metric_that_is_undefined_in_a_stratum_is_left_out():
    rows = pd.DataFrame({"label": [1.0, 0.0, 1.0], "probability": [0.5, 0.4, 0.3], "user_rows_before": [0, 0, 2]})
    found = metrics_of_newcomers(rows.assign(item_rows_before=1), "ctr")
    assert list(found["warm users"]) == ["rows", "logloss"]
    assert list(found["new users"]) == ["rows", "auc", "logloss"]
