"""A run with a policy follows the segments of its log."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file
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


@pytest.fixture
def own_folders(session_cache, tmp_path):
    with folders(session_cache, tmp_path / "runs"):
        yield


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


def test_bytes_are_counted_from_the_files_and_never_exceed_the_budget(finished, record):
    for own in record["segments"]:
        n_rows = sum(own["entities"].values()) + 2
        assert own["budget_bytes"] == own["number_bytes"] == 4 * 4 * n_rows
        assert own["over_budget"] == 0
        assert own["index_bytes"] == n_rows
    weights = load_file(finished / "model.safetensors")
    names = [name for name in weights if name.endswith(".weight") and name.startswith(("embeddings.", "linear_terms."))]
    assert record["segments"][-1]["number_bytes"] == sum(4 * weights[name].numel() for name in names)


def test_rows_of_a_reservoir_are_counted(record):
    rows = [own["rows"] for own in record["segments"]]
    trained = np.cumsum([own["train"] - own["replayed"] for own in rows])
    assert [own["reservoir_bytes"] for own in record["segments"]] == [9 * n for n in trained]


def test_more_frequent_users_and_items_have_longer_rows(record):
    for own in record["segments"]:
        for side, groups in own["sizes"].items():
            assert groups["frequency"] == sorted(groups["frequency"])
            assert groups["size"] == sorted(groups["size"])
            n = own["entities"][side]
            sizes = [len(part) for part in np.array_split(np.arange(n), 10)]
            # All rows but that of unknown ids are in a group.
            assert 0 < own["numbers"][side] - np.dot(sizes, groups["size"]) < 17


def test_new_users_and_items_are_those_without_a_row_in_an_earlier_segment(finished, record, session_cache):
    with folders(session_cache, finished.parent):
        log = open_log(Settings.compose([*TINY, *STREAM]))
    order, scores = np.argsort(log.column("row")), pd.read_parquet(finished / "scores.parquet")
    assert len(log.column("row")) == 3000
    for own in record["segments"]:
        part, met = scores[scores["segment"] == own["segment"]], {}
        for side in ("user", "item"):
            entities, trained = log.column(side)[order], []
            for earlier in range(own["segment"]):
                trained += entities[1000 * earlier : 1000 * earlier + 800].tolist()
            met[side] = pd.Series(trained, dtype=np.int64).value_counts()
            before = met[side].reindex(entities[part["row"]]).fillna(0).to_numpy(np.int64)
            assert (part[f"{side}_rows_before"] == before).all()
            for kind, kept in (("warm", before > 0), ("new", before == 0)):
                stratum = own["strata"].get(f"{kind} {side}s", {"rows": 0})
                assert stratum["rows"] == kept.sum()
                if "logloss" in stratum:
                    expected = log_loss(part["label"][kept], part["probability"][kept], labels=[0, 1])
                    assert stratum["logloss"] == pytest.approx(expected)


def test_the_best_possible_of_a_segment_is_that_of_true_probabilities(finished, record, session_cache):
    with folders(session_cache, finished.parent):
        log = open_log(Settings.compose([*TINY, *STREAM]))
    truth = pd.Series(log.column("oracle"), index=log.column("row"))
    scores = pd.read_parquet(finished / "scores.parquet")
    for own in record["segments"]:
        part = scores[scores["segment"] == own["segment"]]
        assert own["oracle"]["test/auc"] == pytest.approx(roc_auc_score(part["label"], truth[part["row"]]))
        assert own["oracle"]["test/logloss"] < own["metrics"]["test/logloss"]
        for name, sign in (("test/auc", 1), ("test/logloss", -1)):
            assert own["regret"][name] == pytest.approx(sign * (own["oracle"][name] - own["metrics"][name]))
        true, said = truth[part["row"]].to_numpy(float), part["probability"].to_numpy()
        lost = true * np.log(true / said) + (1 - true) * np.log((1 - true) / (1 - said))
        assert own["regret"]["test/expected_logloss"] == pytest.approx(lost.mean())


def test_the_last_model_is_served_with_the_scores_that_it_had(finished):
    _, log, model = load_run(Ledger(finished.parent), finished.name)
    scores = pd.read_parquet(finished / "scores.parquet").query("segment == 2")
    found = score(model, log, "test")
    assert found["row"].tolist() == scores["row"].tolist()
    assert (found["probability"].to_numpy() == scores["probability"].to_numpy()).all()


def test_costs_and_rows_are_sums_over_segments(record):
    rows = record["segments"]
    assert record["rows"]["kept"] == record["rows"]["full"] == record["data"]["rows"]["train"]
    assert record["cost"]["epochs"] == sum(own["epochs"] for own in rows)
    stages = [seconds for own in rows for seconds in own["cost"].values()]
    assert record["cost"]["total_s"] == pytest.approx(record["cost"]["prepare_s"] + sum(stages))


@pytest.mark.usefixtures("own_folders")
def test_a_stream_that_tunes_has_the_metrics_of_its_validation_rows():
    folder = train(*STREAM, "evaluate=validation", "trainer.validation_rate=0.5")
    found, scores = json.loads((folder / "record.json").read_text()), pd.read_parquet(folder / "scores.parquet")
    assert len(scores) == found["data"]["rows"]["validation"]
    assert roc_auc_score(scores["label"], scores["probability"]) == pytest.approx(found["metrics"]["val/auc"])
    assert not [name for name in found["metrics"] if name.startswith("test")]


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_files_of_rows_and_linear_terms_take_exactly_the_bytes_of_the_budget(dtype):
    folder = train(*STREAM, "stream.budget=3000", f"stream.dtype={dtype}")
    weights = load_file(folder / "model.safetensors")
    rows = [own for name, own in weights.items() if name.startswith("embeddings.") and name.endswith(".weight")]
    terms = [own for name, own in weights.items() if name.startswith("linear_terms.")]
    assert {str(own.dtype) for own in rows} == {f"torch.{dtype}"}
    assert sum(own.numel() * own.element_size() for own in [*rows, *terms]) == 3000


@pytest.mark.usefixtures("own_folders")
def test_streams_are_not_trained_together_as_a_fleet():
    answer = cadc("train", *TINY, *STREAM, "trainer.fleet=2", "-m", "seed=4,5")
    records = [json.loads(Path(line).read_text()) for line in answer.out.split() if line.endswith("record.json")]
    assert [len(own["segments"]) for own in records] == [3, 3]


@pytest.mark.usefixtures("own_folders")
def test_a_sampler_that_reads_factors_reads_those_of_its_segment():
    record = json.loads((train(*STREAM, "sampler=leverage", "sampler.rate=0.5") / "record.json").read_text())
    assert record["rows"]["kept"] == pytest.approx(1200, rel=0.05)
    assert record["rows"]["factorized"] == 960  # a fifth of the 800 of a segment replayed
    assert record["cost"]["factorize_s"] > 0


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize(
    "words",
    [
        ("model.residual=true", "factorization_rows=complement", "sampler.rate=0.5"),
        ("model=two_tower", "initializer=mf"),
    ],
)
def test_nothing_of_later_segments_changes_earlier_ones(tmp_path, words):
    generator, n = np.random.default_rng(0), 2400
    log = pd.DataFrame({"user": generator.integers(0, 40, n) + np.arange(n) // 60, "time": np.arange(n)})
    log["item"] = generator.integers(0, 30, n) + np.arange(n) // 90
    log["label"] = (generator.random(n) < 0.2 + 0.6 * ((log["user"] + log["item"]) % 3 == 0)).astype(int)
    columns = ("data=table", *(f"data.{name}={name}" for name in log))
    found = []
    for n_segments in (2, 4):
        path = tmp_path / f"{n_segments}.csv"
        log[: n_segments * n // 4].to_csv(path, index=False)
        options = (*STREAM, *columns, f"data.path={path}", f"data.split.n={n_segments}", "trainer.max_epochs=2", *words)
        answer = cadc("train", *options)
        assert answer.status == 0, answer.err
        folder = Path(answer.out.splitlines()[-1]).parent
        (saved,) = [path for path in folder.glob("*.parquet") if path.stem in ("scores", "ranks")]
        found.append(pd.read_parquet(saved).query("segment < 2"))
    pd.testing.assert_frame_equal(*found, check_exact=True)


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
        (
            (*STREAM, "stream.budget=100"),
            "do not hold segment 1, which has 142 rows; a number and a linear term of each take",
        ),
        ((*STREAM, "stream.mean_size=1"), "a row has a number and a linear term at least, so it must be at least 2"),
        (
            (*STREAM, "data.split.n=300"),
            "no segment of synthetic can be judged; segment 1 is left out, since ",
        ),
        ((*STREAM, "model=sasrec"), "the model of a segment does not know those of earlier segments"),
        ((*STREAM, "model=two_tower", "model.history=[5]"), "TwoTower reads the histories of users"),
        ((*STREAM, "embedding.dtype=float16"), "stored as stream.dtype says; set that instead"),
        ((*STREAM, "stream.mean_size=0.5"), "stream.mean_size is 0.5; it must be at least 1"),
    ],
)
def test_what_allows_no_stream_is_one_sentence(words, message):
    answer = cadc("train", *TINY, *words)
    assert answer.status != 0
    assert message in answer.err
