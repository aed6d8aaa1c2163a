"""How far two records of a run are apart."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.rerun.agreement import agreement, digits, distance, measured


def record(metrics, **more):
    return {"id": "a", "metrics": metrics, "environment": {"packages": {}}} | more


def scores(folder, values, name="probability", file="scores.parquet", key="row"):
    folder.mkdir()
    keys = {key: np.arange(len(values))} if key == "row" else {"user": np.arange(len(values)), "item": 0}
    pd.DataFrame(keys | {name: values}).to_parquet(folder / file)
    return folder


def test_the_largest_difference_is_named_and_counted_in_digits(tmp_path):
    found = agreement(
        record({"test/auc": 0.75, "test/logloss": 0.5}),
        record({"test/auc": 0.75 + 3e-8, "test/logloss": 0.5 + 4e-5}),
        None,
        tmp_path,
    )
    assert found.metric == "test/logloss" and found.largest == pytest.approx(4e-5) and found.digits == 4
    assert found.is_within(1e-4) and not found.is_within(1e-5) and not found.is_bit_equal


def test_segments_of_streams_are_compared_too(tmp_path):
    before = record({}, segments=[{"segment": n, "metrics": {"test/auc": 0.7}} for n in range(3)])
    after = record({}, segments=[{"segment": n, "metrics": {"test/auc": 0.7 + 1e-3 * (n == 2)}} for n in range(3)])
    found = agreement(before, after, None, tmp_path)
    assert found.metric == "segment 2 test/auc" and found.largest == pytest.approx(1e-3)
    shorter = after | {"segments": after["segments"][:2]}
    assert math.isinf(agreement(before, shorter, None, tmp_path).largest)


def test_null_equals_null_alone():
    assert distance(None, None) == 0
    assert math.isinf(distance(0.5, None)) and math.isinf(distance(None, 0.5))
    assert measured(record({"test/auc": None, "test/mrr": 0.5})) == {"test/auc": None, "test/mrr": 0.5}


def test_metrics_that_the_record_lacks_do_not_count(tmp_path):
    assert agreement(record({"a": 1.0}), record({"a": 1.0, "b": 2.0}), None, tmp_path).is_bit_equal
    assert math.isinf(agreement(record({"a": 1.0, "b": 2.0}), record({"a": 1.0}), None, tmp_path).largest)


def test_probabilities_at_hand_count_as_metrics_do(tmp_path):
    one, two = scores(tmp_path / "one", [0.1, 0.2, 0.3]), scores(tmp_path / "two", [0.1, 0.2 + 1e-4, 0.3])
    found = agreement(record({"a": 1.0}), record({"a": 1.0}), one, two)
    assert found.score_difference == pytest.approx(1e-4) and found.scores == "up to 1.0e-04"
    assert not found.is_within(1e-6) and found.is_within(1e-3) and found.is_within(1e-6, metrics_alone=True)
    assert agreement(record({"a": 1.0}), record({"a": 1.0}), one, one).is_bit_equal
    of_others = scores(tmp_path / "others", [0.1, 0.2])
    assert not agreement(record({"a": 1.0}), record({"a": 1.0}), one, of_others).is_within(1.0)


def test_of_ranks_the_share_that_moved_is_told_and_metrics_decide(tmp_path):
    options = {"name": "rank", "file": "ranks.parquet", "key": "user"}
    one = scores(tmp_path / "one", [1.0, 2.0, np.inf, 4.0], **options)
    two = scores(tmp_path / "two", [1.0, 3.0, np.inf, 4.0], **options)
    ranked = record({"test/mrr": 0.5}, task="ranking")
    found = agreement(ranked, ranked, one, two)
    assert found.scores == "25.00% of the ranks" and found.is_within(1e-6) and not found.is_bit_equal


def test_hashes_tell_equal_files_of_a_record_alone(tmp_path):
    files = {"scores.parquet": "1", "model.safetensors": "2"}
    before = record({"a": 1.0}, files=files)
    assert agreement(before, record({"a": 1.0}, files=files), None, tmp_path).is_bit_equal
    other = agreement(before, record({"a": 1.0}, files=files | {"model.safetensors": "3"}), None, tmp_path)
    assert (other.scores, other.weights) == ("equal", "other") and not other.is_bit_equal
    # Another version of Arrow may write equal scores as other bytes.
    newer = record({"a": 1.0}, files=files | {"scores.parquet": "3"}) | {"environment": {"packages": {"pyarrow": "9"}}}
    assert agreement(before, newer, None, tmp_path).scores == ""


@given(st.floats(1e-15, 0.999))
def test_numbers_agree_to_their_digits(difference):
    n = digits(difference)
    assert difference <= 10.0**-n * (1 + 1e-9) and (n == 15 or difference > 10.0 ** -(n + 1) * (1 - 1e-9))
