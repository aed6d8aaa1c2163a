"""Offline, a logged run is a file of wandb that holds what the ledger holds."""

import json
import struct
import subprocess
import sys

import pytest

from cadc.loggers import wandb_process
from cadc.loggers.wandb import WandbLogger
from cadc.loggers.wandb_process import WandbError
from tests.support.commands import TINY, cadc, runs
from tests.support.wandb_server import KEY

pytestmark = pytest.mark.usefixtures("wandb_home")


def records(path):
    """Read a `.wandb` file: a log in blocks of 32 KiB, parts of a record with checksum, length and place in it."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole, found = path.read_bytes(), 7, b"", []
    while at < len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, place = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if place in (1, 4):  # the only part, or the last
            found.append(Record.FromString(whole))
            whole = b""
    return found


def items(update):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in update}


def run_files(folder):
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


@pytest.fixture
def logger(tmp_path):
    return WandbLogger(folder=str(tmp_path / "offline"), entity="team")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "offline"


def test_the_file_holds_the_record(trained, logger, place):
    logger.log_run(trained, "study")
    (path,) = run_files(place)
    assert path.name == f"run-{trained.name}.wandb"
    found = records(path)
    record = json.loads((trained / "record.json").read_text())

    (run,) = [each.run for each in found if each.HasField("run")]
    assert (run.run_id, run.display_name, run.run_group) == (trained.name, trained.name, "study")
    assert (run.job_type, run.project, run.entity) == ("train", "cadc", "team")
    assert run.host == ""
    assert {k: v for k, v in items(run.config.update).items() if k != "_wandb"} == record["config"]

    rows = [items(each.history.item) for each in found if each.HasField("history")]
    lines = (trained / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    expected = [dict(zip(names, map(float, line.split(",")), strict=True)) for line in lines[1:]]
    assert [{name: row[name] for name in names} for row in rows] == expected
    assert [row["_step"] for row in rows] == [row["epoch"] for row in expected] == [1, 2]
    by_epoch = [each.metric for each in found if each.HasField("metric") and each.metric.step_metric == "epoch"]
    assert [metric.glob_name for metric in by_epoch] == ["*"]

    shown = {}
    for each in found:
        if each.HasField("summary"):
            shown |= items(each.summary.update)
    assert shown | record["metrics"] == shown
    assert shown["cost/train_s"] == record["cost"]["train_s"]
    assert [each.exit.exit_code for each in found if each.HasField("exit")] == [0]


def test_a_run_logged_twice_is_one_file(trained, logger, place):
    logger.log_run(trained, None)
    (path,) = run_files(place)
    before = path.stat().st_mtime_ns
    logger.log_run(trained, None)
    assert run_files(place) == [path]
    assert path.stat().st_mtime_ns == before


def test_a_run_comes_into_its_first_experiment_and_stays_there(trained, logger, place):
    for group in (None, "first", "second", None):
        logger.log_run(trained, group)
    (path,) = run_files(place)
    assert next(each.run.run_group for each in records(path) if each.HasField("run")) == "first"


def test_a_half_written_file_gives_way(trained, logger, place):
    half = place / "wandb" / f"offline-run-20200101_000000-{trained.name}"
    half.mkdir(parents=True)
    (half / f"run-{trained.name}.wandb").touch()
    logger.log_run(trained, None)
    (path,) = run_files(place)
    assert path.stat().st_size > 0


def test_the_table_is_a_run_of_its_own_with_the_files(results, logger, place):
    logger.log_results(results, "small")
    logger.log_results(results, "small")
    (path,) = run_files(place)
    assert path.name == "run-table-small.wandb"
    kept = [each.request.log_artifact.artifact for each in records(path) if each.HasField("request")]
    kept += [each.artifact for each in records(path) if each.HasField("artifact")]
    files = {artifact.name: [entry.path for entry in artifact.manifest.contents] for artifact in kept if artifact.name}
    assert sorted(files["results-small"]) == ["provenance.json", "table.csv"]
    before = path.stat().st_mtime_ns
    (results / "table.csv").write_text("arm\nother\n")
    logger.log_results(results, "small")
    (path,) = run_files(place)
    assert path.stat().st_mtime_ns > before


def test_tags_group_and_model_go_along_when_they_are_asked_for(trained, place, logger):
    asking = WandbLogger(folder=str(place), entity="team", tags=("baseline", "small"), group="mine", model=True)
    asking.log_run(trained, "study")
    (path,) = run_files(place)
    found = records(path)
    (run,) = [each.run for each in found if each.HasField("run")]
    assert (list(run.tags), run.run_group) == (["baseline", "small"], "mine")
    kept = [each.request.log_artifact.artifact for each in found if each.HasField("request")]
    kept += [each.artifact for each in found if each.HasField("artifact")]
    (model,) = [artifact for artifact in kept if artifact.type == "model"]
    assert model.name == f"model-{trained.name}"
    assert sorted(entry.path for entry in model.manifest.contents) == ["model.safetensors", "record.json"]
    # Asked for anew it is there; without any of it, too; with another tag it is sent again.
    assert asking.is_logged(trained, "study") and logger.is_logged(trained, "study")
    assert not WandbLogger(folder=str(place), entity="team", tags=("other",)).is_logged(trained, "study")


def test_the_command_logs_each_run_of_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["logger=wandb", f"logger.folder={tmp_path / 'offline'}", "model=bias", "data.split_seed=0,1"]
    answer = cadc("train", "-m", *TINY, *words)
    assert answer.status == 0, answer.err
    assert "wandb:" not in answer.err
    found = sorted(path.name for path in run_files(tmp_path / "offline"))
    assert found == [f"run-{run_id}.wandb" for run_id in runs()]
    assert len(found) == 2
    assert not (tmp_path / "wandb").exists()


def test_a_finished_run_is_logged_when_it_is_asked_for_again_with_a_logger(tmp_path):
    assert cadc("train", *TINY, "model=bias").status == 0
    assert cadc("train", *TINY, "model=bias", "logger=wandb", f"logger.folder={tmp_path / 'offline'}").status == 0
    assert len(run_files(tmp_path / "offline")) == 1


def test_the_key_is_nowhere(trained, results, logger, place, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    logger.log_run(trained, None)
    logger.log_results(results, "small")
    answer = subprocess.run(["grep", "-rlaF", KEY, str(tmp_path)], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (1, "")


def test_a_library_in_the_users_folder_is_not_taken_for_wandb(trained, logger, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wandb.py").write_text("raise SystemExit('wrong')")
    logger.log_run(trained, None)
    assert len(run_files(place)) == 1


def test_a_crash_of_wandb_is_a_sentence(trained, logger, tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "wandb.py").write_text(
        "import os, sys\nprint('a panic', file=sys.stderr, flush=True)\nos._exit(2)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    # Forked, the process would have the library already.
    monkeypatch.setattr(wandb_process, "subprocess", subprocess)
    with pytest.raises(WandbError, match=r"wandb ended without an answer \(a panic\)"):
        logger.log_run(trained, None)
    monkeypatch.delenv("PYTHONPATH")
    assert not logger.is_logged(trained, None)


def test_a_full_or_missing_folder_does_not_fail_the_run(tmp_path):
    (tmp_path / "offline").write_text("a file, no folder")
    answer = cadc("train", *TINY, "model=bias", "logger=wandb", f"logger.folder={tmp_path / 'offline'}")
    assert answer.status == 0
    said, line = answer.err.splitlines()
    assert "test/auc" in said
    assert f"{runs()[0]} is finished but not logged" in line


def test_wandb_itself_sends_the_file(trained, logger, place, wandb_server):
    logger.log_run(trained, "study")
    command = [sys.executable, "-m", "wandb", "sync", str(run_files(place)[0].parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=place)
    assert done.returncode == 0, done.stderr
    sent = wandb_server.runs[trained.name]
    assert (sent.name, sent.group, len(sent.history)) == (trained.name, "study", 2)
