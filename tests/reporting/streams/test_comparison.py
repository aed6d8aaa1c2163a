"""Streams are compared by means over their segments, from their records alone."""

import numpy as np
import pytest

from cadc.errors import DataError
from cadc.evaluation.statistics.segments import segment_interval
from cadc.experiment import Reference
from cadc.reporting.comparisons.columns import add_comparison
from cadc.reporting.comparisons.comparison import compare_points
from cadc.reporting.streams.comparison import compared_by_segment
from cadc.reporting.table import table_of
from tests.reporting.streams.made_up import points_of, stream

VALUES = {
    "equal": [[0.70, 0.71, 0.72, 0.73], [0.71, 0.72, 0.71, 0.74], [0.70, 0.70, 0.73, 0.72]],
    "frequency": [[0.72, 0.72, 0.74, 0.75], [0.72, 0.74, 0.73, 0.75], [0.71, 0.73, 0.74, 0.75]],
}


def runs(sizes=(4,)):
    return [
        (policy, stream(policy, values, seed, mean_size))
        for policy, by_seed in VALUES.items()
        for mean_size in sizes
        for seed, values in enumerate(by_seed)
    ]


def test_a_line_has_the_mean_difference_over_segments_and_its_interval():
    rows = points_of(*runs())
    found = compare_points([Reference("equal", metric="segments/auc", arms=("frequency",))], rows, None)
    expected = segment_interval(np.array(VALUES["frequency"]) - np.array(VALUES["equal"]))
    line = found.iloc[1]
    assert (line["seeds"], line["unit"], line["n_units"]) == (3, "segment", 4)
    assert (line["difference"], line["low_95"], line["high_95"]) == pytest.approx(
        (expected.estimate, expected.low, expected.high)
    )
    assert line["verdict"] == "better"
    assert found["verdict"].iloc[0] == "reference"


def test_logloss_is_better_where_it_is_lower():
    found = compare_points([Reference("equal", metric="segments/logloss")], points_of(*runs()), None)
    assert found["difference"].iloc[1] < 0
    assert found["verdict"].iloc[1] == "better"


def test_streams_meet_the_reference_of_their_mean_size_or_of_that_which_is_named():
    rows = points_of(*runs((4, 8)))
    assert [point.columns["mean_size"] for point in rows] == [4, 8, 4, 8]
    same = compare_points([Reference("equal", metric="segments/auc")], rows, None)
    assert same["verdict"].tolist() == ["reference", "reference", "better", "better"]
    assert same["arm"].tolist()[2:] == ["frequency, mean size 4", "frequency, mean size 8"]
    half = Reference("equal", metric="segments/auc", arms=("frequency",), mean_size=8, mean_sizes=(4,))
    assert str(half) == "equal at mean size 8"
    found = compare_points([half], rows, None)
    assert found["verdict"].fillna("").tolist() == ["", "reference", "better", ""]


def test_the_note_says_what_intervals_are_over():
    references, rows = [Reference("equal", metric="segments/auc")], points_of(*runs())
    table = add_comparison(table_of(rows, ["segments/auc"]), compare_points(references, rows, None), references)
    assert "over segments and seeds" in table.attrs["note"]
    assert table["segments/auc_mean"].tolist() == pytest.approx([np.mean(own) for own in VALUES.values()], abs=1e-6)


def test_runs_with_other_segments_are_not_compared():
    one, two = stream("equal", [0.7, 0.8, 0.9]), stream("frequency", [0.7, 0.8])
    with pytest.raises(DataError, match="other segments"):
        compared_by_segment(Reference("equal", metric="segments/auc"), [(one, two)])


def test_a_metric_that_streams_do_not_record_is_named():
    one, two = stream("equal", [0.7, 0.8]), stream("frequency", [0.7, 0.8])
    with pytest.raises(DataError, match="0 of 2 segments"):
        compared_by_segment(Reference("equal", metric="segments/brier"), [(one, two)])
