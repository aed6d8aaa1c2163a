"""What holds of every metric, whatever it computes: bounds, resampling, and what it says of itself."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.errors import DataError, UsageError
from cadc.evaluation.metrics.lookup import metric, metric_classes
from cadc.evaluation.metrics.metric import Metric
from cadc.evaluation.resampling.written_out import WrittenOut
from cadc.evaluation.saved_tables import SAVED

NAMES = [name if cls.cutoff == "never" else f"{name}@3" for name, cls in metric_classes().items()] + ["mrr"]
COMPARABLE = [name for name in NAMES if metric(name).is_comparable]
SCORED, RANKED = (
    st.lists(st.tuples(column, st.integers(0, 4)), min_size=1, max_size=30, unique=True)
    for column in (
        st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1)),
        st.integers(1, 12).map(float) | st.sampled_from([3.5, np.inf]),
    )
)
DRAWS = st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=3)


def saved(found, scored, ranked):
    """Return saved rows of a metric's task, and the number of each row's user."""
    if found.task == "ctr":
        columns, user = zip(*scored, strict=True)
        label, probability = zip(*columns, strict=True)
        rows = pd.DataFrame({"label": np.array(label, np.float32), "probability": np.array(probability, float)})
    else:
        rank, user = zip(*ranked, strict=True)
        rows = pd.DataFrame({"rank": np.array(rank, float)})
    return rows.assign(user=np.array(list("edcba"))[list(user)]), 4 - np.array(user)


@pytest.mark.parametrize("name", COMPARABLE)
@given(SCORED, RANKED, DRAWS)
@settings(deadline=None, max_examples=60)
def test_a_replicate_is_the_metric_of_the_rows_written_out_as_often_as_their_users_are_drawn(
    name, scored, ranked, drawn
):
    found = metric(name)
    rows, unit = saved(found, scored, ranked)
    multiplicity = np.array(drawn, np.int32)
    expected = WrittenOut(found.value, rows, unit)(multiplicity)
    # Without rows or users some means are undefined, which is never an error in a replicate.
    drawn_rows = multiplicity[:, unit].sum(axis=1) > 0
    replicates = found.resample(rows, unit, 5)(multiplicity)
    np.testing.assert_allclose(replicates[drawn_rows], expected[drawn_rows], atol=1e-12)
    assert np.isnan(replicates[~drawn_rows]).all()


@pytest.mark.parametrize("name", NAMES)
@given(SCORED, RANKED)
@settings(deadline=None, max_examples=40)
def test_a_value_lies_between_its_bounds_and_does_not_depend_on_the_order_of_rows(name, scored, ranked):
    found = metric(name)
    rows, _ = saved(found, scored, ranked)
    try:
        value = found.value(rows)
    except DataError:
        return
    low, high = found.bounds
    assert low <= value <= high + 1e-12
    if name != "ece":  # whose bins take tied rows in their order
        assert found.value(rows[::-1]) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_higher_is_better_where_a_perfect_answer_reaches_the_upper_bound(name):
    found = metric(name)
    rows = pd.DataFrame({"label": [0.0, 1.0], "probability": [0.0, 1.0], "user": "a", "rank": [1.0, 2.0]})
    assert found.value(rows) == pytest.approx(found.bounds[found.higher_is_better], abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_reads_columns_of_the_table_of_its_task(name):
    found = metric(name)
    assert found.name == name
    assert found.table is SAVED[found.task]
    assert set(found.columns) <= {"user", *found.table.key, *found.table.truth, found.table.value}


class Twice(Metric):
    """Twice the mean probability; it knows no fast form of its resampling."""

    name, label, task, higher_is_better, columns = "twice", "twice", "ctr", True, ("probability",)

    def value(self, rows):
        return 2 * float(rows["probability"].mean())


def test_a_metric_that_states_nothing_of_resampling_is_resampled_all_the_same():
    rows = pd.DataFrame({"probability": [0.1, 0.4, 0.7]})
    found = Twice().resample(rows, np.array([0, 1, 1]), 2)(np.array([[1, 0], [1, 2], [0, 0]]))
    assert found[:2] == pytest.approx([0.2, 2 * 2.3 / 5])
    assert np.isnan(found[2])


@pytest.mark.parametrize(("name", "at"), [("hr", None), ("ndcg", 0), ("auc", 10), ("mrr", -1)])
def test_a_cutoff_is_given_where_the_metric_has_one(name, at):
    with pytest.raises(UsageError, match=rf"metric {name} .*cutoff"):
        metric_classes()[name](at)
