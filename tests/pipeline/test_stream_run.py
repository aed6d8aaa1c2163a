"""A run with a policy follows the segments of its log."""

import json
from itertools import pairwise

import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from cadc.ledger import Ledger
from cadc.ledger.identity import run_identity
from cadc.pipeline.build import open_log
from cadc.pipeline.evaluate import score
from cadc.pipeline.settings import Settings
from cadc.pipeline.stream_run import run_stream
from cadc.serving.load import load_run
from cadc.training.checkpoints import CheckpointFolder
from tests.support.commands import TINY, cadc, folders, train

STREAM = ("data/split=segments", "data.split.n=3", "policy=frequency", "embedding.dim=16", "stream.mean_size=4")


@pytest.fixture(scope="module")
def finished(session_cache, tmp_path_factory):
    with folders(session_cache, tmp_path_factory.mktemp("stream") / "runs"):
        return train(*STREAM)


@pytest.fixture(scope="module")
def record(finished):
    return json.loads((finished / "record.json").read_text())


def test_the_record_has_a_row_for_each_segment(record):
    rows = record["segments"]
    assert [own["segment"] for own in rows] == [0, 1, 2]
    assert sum(own["rows"]["test"] for own in rows) == record["data"]["rows"]["test"]
    assert all(later["entities"]["item"] >= own["entities"]["item"] for own, later in pairwise(rows))


def test_metrics_are_those_of_the_saved_scores(finished, record):
    scores = pd.read_parquet(finished / "scores.parquet")
    assert roc_auc_score(scores["label"], scores["probability"]) == pytest.approx(record["metrics"]["test/auc"])
    for own in record["segments"]:
        part = scores[scores["segment"] == own["segment"]]
        assert log_loss(part["label"], part["probability"]) == pytest.approx(own["metrics"]["test/logloss"])


def test_every_segment_keeps_within_its_budget(record):
    for own in record["segments"]:
        n_rows = sum(own["entities"].values()) + 2
        assert sum(own["numbers"].values()) == 4 * n_rows - n_rows  # one of the four is the linear term
        assert own["bytes"] <= 4 * 4 * n_rows + 8 * n_rows + 1024  # and the headers of two files


def test_the_last_model_is_served_with_the_scores_that_it_had(finished):
    _, log, model = load_run(Ledger(finished.parent), finished.name)
    scores = pd.read_parquet(finished / "scores.parquet").query("segment == 2")
    found = score(model, log, "test")
    assert found["row"].tolist() == scores["row"].tolist()
    assert (found["probability"].to_numpy() == scores["probability"].to_numpy()).all()


class Interrupted(Exception):
    pass


def test_an_interrupted_stream_goes_on_to_the_same_bits(finished, tmp_path):
    settings = Settings.compose([*TINY, *STREAM])
    checkpoints = CheckpointFolder(tmp_path / "checkpoints")

    def stop(history):
        if len(history) == 2:
            raise Interrupted

    (tmp_path / "one").mkdir()
    with pytest.raises(Interrupted):
        run_stream(settings, "id", "code", tmp_path / "one", checkpoints, stop)
    begun = []
    (tmp_path / "two").mkdir()
    run_stream(settings, "id", "code", tmp_path / "two", checkpoints, lambda history: begun.append(len(history)))
    assert begun == [2, 3]  # the second segment was not kept yet when the stream ended
    for name in ("scores.parquet", "model.safetensors"):
        assert (tmp_path / "two" / name).read_bytes() == (finished / name).read_bytes()


def test_other_sizes_are_another_run_and_the_protocol_of_a_plain_run_is_not():
    def identity(*words):
        settings = Settings.compose([*TINY, *words])
        return run_identity(settings, open_log(settings))

    segments = STREAM[:2]
    assert identity(*STREAM)[0] != identity(*STREAM, "policy=equal")[0] != identity(*STREAM, "stream.mean_size=3")[0]
    assert identity(*segments) == identity(*segments, "stream.mean_size=3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("policy=equal",), "a policy follows the segments of a stream; add data/split=segments"),
        ((*STREAM, "model=bias"), "the model has none; choose model=dlrm, say"),
        ((*STREAM, "embedding=hashing"), "set embedding=full, whose dim is then the largest size"),
        ((*STREAM, "stream.budget=100"), "bytes hold 25 numbers, and segment 1 has"),
        ((*STREAM, "stream.mean_size=0.5"), "stream.mean_size is 0.5; it must be at least 1"),
    ],
)
def test_what_allows_no_stream_is_one_sentence(words, message):
    answer = cadc("train", *TINY, *words)
    assert answer.status != 0
    assert message in answer.err
