"""Tables of streams by segment, against plain loops over their records."""

from statistics import fmean

import pytest

from cadc.reporting.streams.by_segment import segments_table, sizes_table
from cadc.reporting.table import table_of
from tests.reporting.made_up import record
from tests.reporting.streams.made_up import points_of, stream

PARTS = {
    "bytes": [100, 120],
    "reservoir_bytes": [9, 18],
    "over_budget": [0, 0],
    "entities": [{"user": 3, "item": 4}, {"user": 5, "item": 6}],
    "strata": [{"new users": {"rows": 2, "auc": 0.5}}, {"warm users": {"rows": 1, "logloss": 0.7}}],
    "sizes": [
        {"user": {"frequency": [1.0], "size": [2.0]}},
        {"user": {"frequency": [1.0, 5.0], "size": [1.5, 6.0]}},
    ],
}


def runs():
    other = {**PARTS, "bytes": [110, 140], "over_budget": [0, 3]}
    other["sizes"] = [PARTS["sizes"][0], {"user": {"frequency": [2.0, 7.0], "size": [2.5, 5.0]}}]
    return [
        ("equal", stream("equal", [0.6, 0.8], 0, **PARTS)),
        ("equal", stream("equal", [0.7, 0.8], 1, **other)),
        ("network", record("seed=0")),
    ]


def test_each_segment_has_a_line_of_means_over_seeds():
    rows = points_of(*runs())
    table = segments_table(rows, ["segments/auc", "auc"])
    assert table["segment"].tolist() == [0, 1]
    assert table.attrs["metrics"] == ("auc",)
    assert table["auc_mean"].tolist() == pytest.approx([0.65, 0.8])
    assert table["auc_ci"].tolist() == pytest.approx([12.706 * 0.05, 0], abs=1e-3)
    assert table["bytes"].tolist() == [105, 130]
    assert table["over_budget"].tolist() == [0, 3]
    assert table[["users", "items"]].to_numpy().tolist() == [[3, 4], [5, 6]]
    assert table["new users auc_mean"].iloc[0] == 0.5
    assert table["new users auc_mean"].isna().tolist() == [False, True]


def test_sizes_are_those_at_the_end_of_the_stream():
    table = sizes_table(points_of(*runs()))
    assert table[["side", "group", "frequency", "size"]].to_numpy().tolist() == [
        ["user", 1, fmean([1, 2]), fmean([1.5, 2.5])],
        ["user", 2, fmean([5, 7]), fmean([6, 5])],
    ]


def test_the_table_counts_bytes_over_the_budget_and_all_that_is_held():
    rows = points_of(*runs())
    table = table_of(rows, ["segments/auc"], ["reservoir_bytes"])
    assert table["over_budget"].iloc[0] == 3  # of the worse seed
    assert table["held_bytes"].iloc[0] == round(fmean([138, 158]))
    assert table["reservoir_bytes"].iloc[0] == 18
    assert table[["over_budget", "held_bytes", "reservoir_bytes"]].iloc[1].isna().all()


def test_without_streams_there_is_no_table_and_no_column():
    rows = points_of(("network", record("seed=0")))
    assert segments_table(rows, ["auc"]) is None
    assert sizes_table(rows) is None
    assert not {"over_budget", "regret", "policy", "mean_size"} & set(table_of(rows))


def test_records_of_streams_from_before_these_keys_are_shown():
    rows = points_of(("equal", stream("equal", [0.6, 0.8])))
    assert segments_table(rows, ["auc"])["auc_mean"].tolist() == [0.6, 0.8]
    assert sizes_table(rows) is None
    assert "over_budget" not in table_of(rows)
