import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from cadc.errors import DataError
from cadc.evaluation.metrics.lookup import metric

ROWS = st.lists(st.tuples(st.booleans(), st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=60)


@given(ROWS)
@settings(deadline=None, max_examples=100)
def test_brier_equals_scikit_learn_also_for_one_class(rows):
    label, probability = (np.array(column, float) for column in zip(*rows, strict=True))
    saved = pd.DataFrame({"label": label.astype(np.float32), "probability": probability})
    assert metric("brier").value(saved) == pytest.approx(brier_score_loss(label, probability, pos_label=1), abs=1e-12)


def test_brier_of_the_label_mean_is_the_variance_of_labels():
    saved = pd.DataFrame({"label": np.array([1, 0, 0, 0], np.float32), "probability": np.full(4, 0.25)})
    assert metric("brier").value(saved) == pytest.approx(0.25 * 0.75, abs=1e-15)


def test_a_nan_probability_is_never_turned_into_a_number():
    with pytest.raises(DataError, match="1 of 2 probabilities are NaN"):
        metric("brier").value(pd.DataFrame({"label": [0.0, 1.0], "probability": [0.5, np.nan]}))
