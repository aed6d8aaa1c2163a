"""Times keep their order to the nanosecond, in every way to write them and in blocks of any size."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data import columns
from cadc.data.column_block import Block
from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.chronological import ChronologicalSplit
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.data.times import TimeColumn
from cadc.errors import DataError
from cadc.sampling.recent import RecentSampler

START = 1_704_103_200 * 10**9


def as_written(nanoseconds, way):
    """Return times since 1970 as a column of a file, and their values in nanoseconds as far as the way tells them."""
    stamps = [pd.Timestamp(ns) for ns in nanoseconds]
    if way == "text":
        return pa.array([stamp.isoformat(" ") for stamp in stamps]), nanoseconds
    if way == "zones":
        hours = [ns % 5 - 2 for ns in nanoseconds]
        zones = [dt.timezone(dt.timedelta(hours=hour)) for hour in hours]
        texts = [
            stamp.tz_localize("UTC").tz_convert(zone).isoformat() for stamp, zone in zip(stamps, zones, strict=True)
        ]
        return pa.array(texts), nanoseconds
    if way == "decimals":
        return pa.array([str(Decimal(ns) / 10**9) for ns in nanoseconds]), nanoseconds
    if way == "floats":
        return pa.array([ns / 1e9 for ns in nanoseconds]), None
    if way == "whole seconds":
        return pa.array([ns // 10**9 for ns in nanoseconds]), [ns // 10**9 * 10**9 for ns in nanoseconds]
    unit, _, zone = way.partition(" ")
    size = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    whole = [ns // size for ns in nanoseconds]
    return pa.array(whole, pa.timestamp(unit, zone or None)), [ns * size for ns in whole]


WAYS = ["text", "zones", "decimals", "floats", "whole seconds", "s", "ms", "us", "ns", "us Europe/Berlin"]


@given(
    st.lists(st.integers(-(10**10), 10**10).map(lambda ns: START + ns), min_size=1, max_size=20),
    st.sampled_from([1, 10**3, 10**6, 10**9]),
    st.sampled_from(WAYS),
)
@settings(deadline=None, max_examples=200)
def test_times_are_what_was_written_in_the_fewest_ticks(nanoseconds, step, way):
    nanoseconds = [ns // step * step for ns in nanoseconds]
    values, expected = as_written(nanoseconds, way)
    times, ticks = TimeColumn("t").read(Block("the file", 0, {"t": values}))
    found = [int(time) * (10**9 // ticks) for time in times]
    if expected is None:  # a float64 tells such times to a quarter of a microsecond
        assert np.abs(np.array(found) - nanoseconds).max() < 300
        assert np.array_equal(np.argsort(found, kind="stable"), np.argsort(values.to_numpy(), kind="stable"))
        return
    assert found == expected
    assert ticks == next(n for n in (1, 10**3, 10**6, 10**9) if all(ns % (10**9 // n) == 0 for ns in expected))


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=30).filter(any),
    st.sampled_from([1e-6, 1, 1e3, 1e6, 1.1e7, 1.7e9, 9e9]),
    st.sampled_from(["f2", "f4", "f8"]),
)
@settings(deadline=None, max_examples=300)
def test_floating_point_seconds_keep_their_order_to_the_nanosecond(shares, scale, kind):
    seconds = (np.array(shares) * min(scale, {"f2": 2e3, "f4": 1.6e7, "f8": 9e9}[kind])).astype(kind)
    times, ticks = TimeColumn("t").read(Block("the file", 0, {"t": pa.array(seconds)}))
    order = np.argsort(seconds, kind="stable")
    assert (times[order][1:] >= times[order][:-1]).all()
    exact = seconds.astype(np.float64)
    assert np.abs(times / ticks - exact).max() <= np.abs(np.spacing(seconds)).max() + 1e-9


def clicks(path, fractions=("000", "001", "002", "003")):
    """Four clicks of each of 50 users within a second, in any order; the item is the place in time."""
    rng = np.random.default_rng(0)
    rows = [
        (user, place, f"2024-01-01 10:00:{user % 60:02d}.{part}")
        for user in range(50)
        for place, part in enumerate(fractions)
    ]
    lines = [
        f"{user},{place},{(user + place) % 2},{time}\n"
        for user, place, time in (rows[i] for i in rng.permutation(len(rows)))
    ]
    path.write_text("user,item,label,time\n" + "".join(lines))
    return Table(str(path), user="user", item="item", label="label", time="time")


def items(log, part):
    return [str(log.entity_keys("item")[row - 1]) for row in log.column("item", part)]


def test_splits_and_samples_by_time_tell_parts_of_a_second(tmp_path):
    source = clicks(tmp_path / "log.csv")
    log = prepare(source, LeaveOneOutSplit())
    assert set(items(log, "test")) == {"3"}
    assert set(items(log, "validation")) == {"2"}
    assert log.ticks_per_second == 1000
    assert set(items(prepare(source, ChronologicalSplit(0.25, 0.25)), "test")) == {"3"}
    kept = RecentSampler(k=1)(log, np.random.default_rng(0), None).rows
    assert {str(log.entity_keys("item")[row - 1]) for row in log.column("item")[kept]} == {"1"}


@pytest.mark.parametrize("block", [1 << 23, 1 << 8])
def test_a_fraction_in_the_last_row_alone_counts_for_all(tmp_path, monkeypatch, block):
    monkeypatch.setattr(columns, "BLOCK_BYTES", block)
    path = tmp_path / "log.csv"
    lines = [f"u{row % 5},{row % 2},2024-01-01 00:00:{row:02d}\n" for row in range(60)]
    path.write_text("u,y,t\n" + "".join(lines) + "u0,1,2024-01-01 00:01:00.000001\n")
    source = Table(str(path), user="u", label="y", time="t")
    assert (sum(1 for _ in source.read().chunks) > 3) == (block < 1 << 20)
    log = prepare(source, LeaveOneOutSplit())
    start = int(pd.Timestamp("2024-01-01").timestamp())
    expected = [(start + row) * 10**6 for row in range(60)] + [(start + 60) * 10**6 + 1]
    assert log.column("time")[np.argsort(log.column("row"))].tolist() == expected
    assert log.ticks_per_second == 10**6


def test_whole_seconds_stay_seconds_and_so_does_the_content(tmp_path):
    log = prepare(clicks(tmp_path / "log.csv", ("0", "0", "0", "0")), LeaveOneOutSplit())
    assert log.ticks_per_second == 1
    assert log.column("time").min() == int(pd.Timestamp("2024-01-01 10:00").timestamp())


@pytest.mark.parametrize(
    ("first", "second"),
    [("2024-01-01 00:00:00", "2024-01-01T00:00:00Z"), ("2024-01-01", "77"), ("77.5", "2024-01-01T00:00:00+01:00")],
)
@pytest.mark.parametrize("rows", [1, 100])
def test_two_ways_to_write_a_time_are_refused_in_blocks_of_any_size(tmp_path, monkeypatch, first, second, rows):
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1 << 8)
    path = tmp_path / "log.csv"
    path.write_text("u,y,t\n" + f"a,1,{first}\n" * rows + f"a,1,{second}\n" * rows)
    with pytest.raises(DataError, match="column t mixes ways to write a time"):
        prepare(Table(str(path), user="u", label="y", time="t"), LeaveOneOutSplit())


def test_times_too_far_apart_for_their_fractions_are_a_sentence(tmp_path):
    path = tmp_path / "log.csv"
    rows = ["2024-01-01 00:00:00.000000001", "9999-01-01 00:00:00"]
    path.write_text("u,y,t\n" + "".join(f"a,1,{time}\n" for time in rows * 5))
    with pytest.raises(DataError):
        prepare(Table(str(path), user="u", label="y", time="t"), LeaveOneOutSplit())
