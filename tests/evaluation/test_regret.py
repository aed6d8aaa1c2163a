"""Regret against sums over both labels of each row."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from cadc.data.prepare import prepare
from cadc.data.sources.generated.drifting import Drifting
from cadc.data.split.segments import SegmentSplit
from cadc.evaluation.regret import oracle_of_rows, regret

PROBABILITY = st.floats(1e-6, 1 - 1e-6)


def regret_of(label, probability, oracle):
    rows = pd.DataFrame({"label": label, "probability": probability})
    return regret(rows, rows.assign(probability=oracle))


@given(st.lists(st.tuples(PROBABILITY, PROBABILITY), min_size=2, max_size=20))
def test_expected_regret_is_the_mean_over_rows_of_what_each_label_would_cost(pairs):
    model, oracle = np.array(pairs).T
    label = np.arange(len(pairs)) % 2
    costs = [
        sum(q * (math.log(q) - math.log(p)) for q, p in ((true, said), (1 - true, 1 - said))) for said, true in pairs
    ]
    found = regret_of(label, model, oracle)
    assert found["expected_logloss"] == pytest.approx(sum(costs) / len(costs), abs=1e-12)
    assert found["logloss"] == pytest.approx(log_loss(label, model) - log_loss(label, oracle), abs=1e-9)
    assert found["auc"] == pytest.approx(roc_auc_score(label, oracle) - roc_auc_score(label, model), abs=1e-12)


@given(st.lists(PROBABILITY, min_size=2, max_size=20))
def test_true_probabilities_have_no_regret(oracle):
    label = np.arange(len(oracle)) % 2
    assert regret_of(label, oracle, oracle) == {"auc": 0, "logloss": 0, "expected_logloss": 0}


def test_rows_find_their_true_probabilities_in_any_order():
    log = prepare(Drifting(n_rows=2000), SegmentSplit(n=2))
    oracle = pd.Series(log.column("oracle", "test"), log.column("row", "test"))
    table = oracle.rename_axis("row").reset_index().sample(frac=1, random_state=0)
    assert (oracle_of_rows(table, log, "test") == oracle[table["row"]]).all()
