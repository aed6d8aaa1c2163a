"""Held-out rows that are copies of training rows: counted as a naive loop does, and said where they are no chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.disk_columns import DiskColumns
from cadc.data.prepare import prepare
from cadc.data.remarks import copies
from cadc.data.remarks.copies import copies_remark, count_copies
from cadc.data.sources.table import Table
from cadc.data.split import GlobalTimeSplit, RandomSplit
from tests.support.commands import cadc


class InMemory(DiskColumns):
    """Columns without a folder."""

    def __init__(self, columns):
        self.columns = columns
        self.shapes = {name: (values.dtype, values.shape[1:]) for name, values in columns.items()}

    def __getitem__(self, name):
        return self.columns[name]


def naive(columns, order, sizes):
    """Copies and conflicts of validation and test, found by comparing rows as tuples."""
    inputs = [name for name in columns if name not in ("label", "oracle")]
    rows = []
    for row in order:
        values = [np.ravel(columns[name][row]) + 0.0 for name in inputs]  # -0.0 is 0.0
        rows.append((str([own.tolist() for own in values]), columns["label"][row]))
    train = set(rows[: sizes[0]])
    found, first = [], sizes[0]
    for size in sizes[1:]:
        part = rows[first : first + size]
        first += size
        found.append((sum(row in train for row in part), sum((inputs, 1 - label) in train for inputs, label in part)))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 60), st.integers(1, 5), st.integers(0, 99), st.sampled_from([1, 7, 1 << 18]))
def test_counts_are_those_of_a_naive_loop(n_rows, n_values, seed, block_rows):
    rng = np.random.default_rng(seed)
    columns = {
        "label": rng.integers(0, 2, n_rows).astype(np.float32),
        "user": rng.integers(0, n_values, n_rows, np.int32),
        "hour": rng.integers(-1, n_values, n_rows, np.int32),
        "dense": rng.choice([0.0, -0.0, 1.5, 1e300], (n_rows, 2)),
        "time": rng.integers(0, n_values, n_rows),
        "oracle": rng.random(n_rows).astype(np.float32),
    }
    inputs = [name for name in columns if name not in ("label", "oracle")]
    order = rng.permutation(n_rows).astype(np.uint32)
    sizes = [n_rows - 2 * (n_rows // 3), n_rows // 3, n_rows // 3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "BLOCK_ROWS", block_rows)
        found = count_copies(InMemory(columns), inputs, order, sizes)
    assert [(found.n_copies(part), found.n_conflicts(part)) for part in (1, 2)] == naive(columns, order, sizes)
    assert found.n_rows.tolist() == sizes


def test_long_logs_are_compared_by_a_sample_that_keeps_equal_rows_together(monkeypatch):
    rng = np.random.default_rng(0)
    user, label = np.tile(np.arange(10_000, dtype=np.int32), 2), np.tile(rng.integers(0, 2, 10_000), 2)
    columns = InMemory({"label": label.astype(np.float32), "user": user})
    order = rng.permutation(20_000)
    sizes = [16_000, 2_000, 2_000]
    whole = count_copies(columns, ["user"], order, sizes)
    monkeypatch.setattr(copies, "SAMPLE_ROWS", 4_000)
    part = count_copies(columns, ["user"], order, sizes)
    assert part.is_sample and part.times == whole.times == 2
    assert 3_000 < part.n_rows.sum() < 5_000
    share = part.n_copies(2) / part.n_rows[2]
    assert share == pytest.approx(whole.n_copies(2) / 2000, abs=0.06)
    assert "about" in copies_remark(columns, order, sizes)


def remark(table, tmp_path, capsys, **roles):
    table.to_csv(tmp_path / "log.csv", index=False)
    log = prepare(
        Table(str(tmp_path / "log.csv"), user="user", item="item", label="label", **roles), RandomSplit(0.2, 0.2)
    )
    found = [own for own in log.meta["remarks"] if "copies" in own]
    assert all(own in capsys.readouterr().err for own in found)
    return log, found


def different_pairs(n=2000, side=60, seed=0):
    """Coin tosses for pairs of users and items that all differ."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(side * side)[:n]
    return pd.DataFrame({"user": pairs // side, "item": pairs % side, "label": rng.integers(0, 2, n)})


def test_a_log_that_was_joined_several_times_is_said_with_its_counts(tmp_path, capsys):
    table = pd.concat([different_pairs()] * 4)
    log, found = remark(table, tmp_path, capsys)
    rows = table.iloc[log.column("row")].apply(tuple, axis=1).tolist()
    n_train, n_validation = log.n_rows("train"), log.n_rows("validation")
    train = set(rows[:n_train])
    n_copies = sum(row in train for row in rows[n_train + n_validation :])
    assert len(found) == 1
    assert found[0].startswith(f"{n_copies:,} of 1,600 test rows (")
    assert "exact copies of training rows, equal in user, item and label; nearly every row occurs 4 times" in found[0]


def test_a_part_of_the_rows_that_is_repeated_is_said(tmp_path, capsys):
    table = different_pairs()
    _, found = remark(pd.concat([table, table[:200]]), tmp_path, capsys)
    assert len(found) == 1 and "test rows" in found[0] and "times" not in found[0]


def test_repeated_rows_of_one_label_are_said_if_they_have_a_time(tmp_path, capsys):
    table = different_pairs().assign(label=lambda own: (own.index < 10).astype(int), time=np.arange(2000))
    again = table[300:600]
    _, found = remark(pd.concat([table, again]), tmp_path, capsys, time="time")
    assert len(found) == 1 and "user, item, time and label" in found[0]
    later = again.assign(time=again["time"] + 5000)
    assert remark(pd.concat([table, later]), tmp_path, capsys, time="time")[1] == []


def test_copies_at_another_time_are_copies_where_labels_agree_beyond_chance(tmp_path, capsys):
    table = different_pairs().assign(time=np.arange(2000))
    later = table.assign(time=table["time"] + 5000)
    _, found = remark(pd.concat([table, later]), tmp_path, capsys, time="time")
    assert len(found) == 1 and "user, item and label: metrics" in found[0]


@pytest.mark.parametrize("rate", [0.5, 0.03])
def test_rows_that_repeat_by_chance_are_not_called_copies(rate, tmp_path, capsys):
    rng = np.random.default_rng(1)
    columns = {"user": rng.integers(0, 20, 3000), "item": rng.integers(0, 20, 3000), "label": rng.random(3000) < rate}
    assert remark(pd.DataFrame(columns).astype(int), tmp_path, capsys)[1] == []


def test_different_rows_and_a_few_copies_say_nothing(tmp_path, capsys):
    table = different_pairs()
    assert remark(table, tmp_path, capsys)[1] == []
    assert remark(pd.concat([table, table[:8]]), tmp_path, capsys)[1] == []


def test_a_log_that_was_joined_twice_has_no_copies_in_training_if_the_split_keeps_equal_times_together(tmp_path):
    rng = np.random.default_rng(1)
    columns = {"user": rng.integers(0, 20, 3000), "item": rng.integers(0, 20, 3000), "label": rng.integers(0, 2, 3000)}
    pd.concat([pd.DataFrame(columns).assign(time=np.arange(3000))] * 2).to_csv(tmp_path / "log.csv", index=False)
    source = Table(str(tmp_path / "log.csv"), user="user", item="item", label="label", time="time")
    assert prepare(source, GlobalTimeSplit()).meta["remarks"] == []
    assert "exact copies" in prepare(source, RandomSplit()).meta["remarks"][0]


def test_rows_that_differ_in_a_dense_value_or_a_context_are_no_copies(tmp_path, capsys):
    table = pd.concat([different_pairs()] * 2).assign(x=lambda own: np.arange(len(own)), c=lambda own: own.x % 2000)
    assert remark(table, tmp_path, capsys, dense=["x"])[1] == []
    assert remark(table.assign(c=lambda own: own.x // 2000), tmp_path, capsys, context_fields=["c"])[1] == []
    assert len(remark(table.assign(c=1), tmp_path, capsys, context_fields=["c"])[1]) == 1


def test_train_says_it_also_when_the_log_comes_from_the_cache(tmp_path):
    pd.concat([different_pairs()] * 3).to_csv(tmp_path / "log.csv", index=False)
    words = ["data=table", f"data.path={tmp_path / 'log.csv'}", "data.user=user", "data.item=item", "data.label=label"]
    for seed in (0, 1):
        answer = cadc("train", *words, "model=bias", f"data.split_seed={0}", f"seed={seed}")
        assert answer.status == 0, answer.err
        assert answer.err.count("exact copies of training rows") == 1
    record = pd.read_json(answer.out.splitlines()[-1], typ="series")
    assert "exact copies" in record["data"]["remarks"][0]
    assert "remark      " in cadc("data", "describe", "table", *words[1:], "--output", tmp_path / "out").out


def test_test_rows_that_are_all_taken_from_training_are_said_though_pairs_repeat_with_other_labels():
    rng = np.random.default_rng(0)
    n_train, n_test = 2000, 500
    pairs, label = rng.integers(60 * 40, size=n_train), rng.integers(2, size=n_train)
    for taken, is_said in ((rng.permutation(n_train)[:n_test], True), (None, False)):
        own = pairs[taken] if is_said else rng.integers(60 * 40, size=n_test)
        own_label = label[taken] if is_said else rng.integers(2, size=n_test)
        columns = InMemory(
            {
                "label": np.concatenate([label, own_label]).astype(np.float32),
                "user": np.concatenate([pairs, own]).astype(np.int32) // 40,
                "item": np.concatenate([pairs, own]).astype(np.int32) % 40,
            }
        )
        found = copies_remark(columns, np.arange(n_train + n_test), [n_train, 0, n_test])
        assert ("500 of 500 test rows (100.0 %) are exact copies of training rows" in found) == is_said


def test_rows_of_few_values_are_no_copies_though_all_occur_in_training():
    rng = np.random.default_rng(0)
    columns = InMemory(
        {"label": rng.integers(2, size=3000).astype(np.float32), "hour": rng.integers(24, size=3000).astype(np.int32)}
    )
    assert copies_remark(columns, np.arange(3000), [2000, 500, 500]) == ""
