"""Criteo and Avazu: logs of clicks without users and items."""

import math
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.sources.avazu import CATEGORIES, Avazu
from cadc.data.sources.criteo import Criteo
from cadc.data.split.global_time import GlobalTimeSplit
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.errors import DataError, UsageError
from tests.data.small_sources import write_avazu, write_criteo
from tests.support.helpers import decode


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    return tmp_path


def known_values(rows, train, name, min_count):
    counts = Counter(rows[row][name] for row in train)
    return {value for value, count in counts.items() if count >= min_count and value != ""}


@pytest.mark.parametrize("min_count", [1, 4])
def test_criteo_rows_carry_their_integers_and_categories(folder, min_count):
    raw = write_criteo(folder / "criteo")
    rows = [{"label": row[0]} | {f"C{n}": row[13 + n] for n in range(1, 27)} | {"I": row[1:14]} for row in raw]
    log = prepare(Criteo(min_count), RandomSplit())
    assert log.entities == {}
    known = {f"C{n}": known_values(rows, log.column("row", "train").tolist(), f"C{n}", min_count) for n in range(1, 27)}
    n_values = sum(len({row[name] for row in rows} - {""}) for name in known)
    assert (sum(map(len, known.values())) < 0.5 * n_values) == (min_count > 1), "most values are rare"
    for split in SPLITS:
        batch = log.gather(log.rows(split))
        found = decode(log, log.rows(split))
        for place, row in enumerate(log.column("row", split)):
            integers = [math.log1p(max(int(text or 0), 0)) for text in rows[row]["I"]]
            np.testing.assert_allclose(batch.dense[place].numpy(), integers, rtol=1e-6)
            assert batch.label[place] == float(rows[row]["label"])
            for name, values in known.items():
                value = rows[row][name]
                assert found[name][place] == (value if value in values else None), name


def test_rare_values_are_counted_in_the_training_part_alone(folder):
    raw = write_criteo(folder / "criteo")
    log = prepare(Criteo(min_count=3), RandomSplit())
    in_training = Counter(raw[row][14] for row in log.column("row", "train"))
    in_all = Counter(row[14] for row in raw)
    assert set(log.vocabulary("C1")) == {value for value, n in in_training.items() if n >= 3 and value}
    assert any(in_all[value] >= 3 > in_training[value] for value in in_all), "the test can fail"


def test_avazu_hour_becomes_hour_weekday_and_time(folder):
    rows = write_avazu(folder / "avazu")
    log = prepare(Avazu(min_count=1), RandomSplit())
    assert [field.name for field in log.schema.fields] == ["hour", "weekday", *CATEGORIES]
    found = decode(log, log.rows("train"))
    known = {name: known_values(rows, log.column("row", "train").tolist(), name, 1) for name in CATEGORIES}
    for place, row in enumerate(log.column("row", "train")):
        moment = datetime.strptime(rows[row]["hour"], "%y%m%d%H").replace(tzinfo=UTC)
        assert found["hour"][place] == moment.hour
        assert found["weekday"][place] == moment.weekday()
        assert log.column("time", "train")[place] == moment.timestamp()
        assert log.column("label", "train")[place] == float(rows[row]["click"])
        for name in CATEGORIES:
            assert found[name][place] == (rows[row][name] if rows[row][name] in known[name] else None)


def test_clicks_can_be_split_at_a_time_but_not_by_user(folder):
    write_avazu(folder / "avazu")
    write_criteo(folder / "criteo")
    log = prepare(Avazu(), GlobalTimeSplit())
    assert log.column("time", "train").max() <= log.column("time", "test").min()
    with pytest.raises(DataError, match=r"avazu .*column user.*LeaveOneOutSplit"):
        prepare(Avazu(), LeaveOneOutSplit())
    with pytest.raises(DataError, match=r"criteo .*column time.*GlobalTimeSplit"):
        prepare(Criteo(), GlobalTimeSplit())


def test_batches_of_clicks_hold_context_alone(folder):
    write_criteo(folder / "criteo")
    log = prepare(Criteo(), RandomSplit())
    batch = log.gather(torch.tensor([3, 1]))
    assert batch.ids.shape == (2, 26)
    assert batch.dense.shape == (2, 13)
    assert batch.bags == {}


def append(path, line):
    with path.open("a") as file:
        file.write(line + "\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2" + "\t" * 39, "row 301: column label '2' is not a label"),
        ("" + "\t" * 39, "row 301: column label is missing"),
        ("1\tx" + "\t" * 38, "row 301: column I1 'x' is not a whole number"),
        ("1\t1.5" + "\t" * 38, "row 301: column I1 '1.5' is not a whole number"),
        ("1" + "\t" * 38, "line 301: found 39 columns"),
    ],
)
def test_faulty_row_of_criteo_is_named(folder, line, says):
    write_criteo(folder / "criteo")
    append(folder / "criteo" / "train.txt", line)
    with pytest.raises(DataError, match=r"train\.txt") as error:
        prepare(Criteo(), RandomSplit())
    assert says in str(error.value)


@pytest.mark.parametrize("hour", ["14133100", "1410210", "noon", "14102124", ""])
def test_faulty_hour_of_avazu_is_named(folder, hour):
    write_avazu(folder / "avazu")
    append(folder / "avazu" / "train.csv", ",".join(["1", "0", hour, *["a"] * 21]))
    with pytest.raises(DataError, match=r"train\.csv, row 301: column hour"):
        prepare(Avazu(), RandomSplit())


def test_other_header_of_avazu_is_named(folder):
    write_avazu(folder / "avazu")
    path = folder / "avazu" / "train.csv"
    path.write_text(path.read_text().replace("device_ip", "device_IP", 1))
    with pytest.raises(DataError, match=r"no column 'device_ip'.*'device_IP'"):
        prepare(Avazu(), RandomSplit())


@pytest.mark.parametrize("source", [Criteo, Avazu])
def test_empty_file_and_impossible_count_are_named(folder, source):
    path = folder / source.name / source.files[0]
    path.parent.mkdir()
    path.write_text("")
    with pytest.raises(DataError, match="is empty"):
        prepare(source(), RandomSplit())
    with pytest.raises(UsageError, match=r"data\.min_count is 0"):
        source(min_count=0)
