"""Online, a wandb server holds what the ledger holds; where it does not answer, nothing is lost and nobody waits."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cadc.loggers import wandb_live, wandb_process
from cadc.loggers.wandb import WandbLogger
from cadc.loggers.wandb_process import WandbError
from tests.support.commands import TINY, cadc, runs
from tests.support.processes import Command
from tests.support.wandb_server import KEY, WandbServer, serving

ONLINE = ("logger=wandb", "logger.mode=online")


@pytest.fixture
def logger():
    return WandbLogger(mode="online")


@pytest.fixture
def failing(wandb_home, monkeypatch):
    """Call it with what the server refuses, and how; the environment then names that server."""
    opened = []

    def serve(refuse, status):
        opened.append(serving(WandbServer(refuse, status)))
        server = opened[-1].__enter__()
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        return server

    yield serve
    for each in opened:
        each.__exit__(None, None, None)


def notes():
    return sorted(path.name for path in Path(os.environ["CADC_RUNS"]).glob(".synced/*/*/*") if path.is_file())


def expected_history(folder):
    with (folder / "metrics.csv").open() as file:
        return [{name: float(cell) for name, cell in line.items()} for line in csv.DictReader(file)]


def assert_holds(server, folder, group):
    record = json.loads((folder / "record.json").read_text())
    run = server.runs[folder.name]
    assert (run.name, run.group, run.job_type, run.host) == (folder.name, group, "train", None)
    # wandb keeps no empty dictionary: a run without views has no key `views`.
    assert run.config == {key: value for key, value in record["config"].items() if value != {}}
    assert [{name: row[name] for name in row if name[0] != "_"} for row in run.history] == expected_history(folder)
    assert run.summary | record["metrics"] == run.summary
    assert run.summary["cost/total_s"] == record["cost"]["total_s"]
    assert run.summary["bytes/embedding"] == record["bytes"]["embedding"]
    assert run.summary["rows/kept"] == record["rows"]["kept"]
    assert run.complete


def test_the_server_holds_the_record(trained, logger, wandb_server):
    logger.log_run(trained, "study")
    assert_holds(wandb_server, trained, "study")
    assert notes() == [trained.name]


def test_a_run_sent_twice_is_there_once(trained, logger, wandb_server):
    logger.log_run(trained, None)
    n_asked = len(wandb_server.asked)
    logger.log_run(trained, None)
    assert len(wandb_server.asked) == n_asked
    logger.send(trained, None)
    assert len(wandb_server.asked) > n_asked
    assert list(wandb_server.runs) == [trained.name]
    assert_holds(wandb_server, trained, None)


def test_a_run_sent_by_half_gets_the_rest(trained, logger, wandb_server):
    logger.log_run(trained, None)
    run = wandb_server.runs[trained.name]
    del run.history[1:]
    run.summary, run.complete = {"_step": 1}, False
    logger.send(trained, None)
    assert_holds(wandb_server, trained, None)


def test_a_run_made_anew_is_sent_anew(trained, logger, wandb_server):
    logger.log_run(trained, None)
    record = json.loads((trained / "record.json").read_text())
    record["metrics"]["test/auc"] = 0.125
    (trained / "record.json").write_text(json.dumps(record))
    logger.log_run(trained, None)
    assert wandb_server.runs[trained.name].summary["test/auc"] == 0.125


def test_notes_tell_servers_and_projects_apart(trained, logger, wandb_server, monkeypatch):
    logger.log_run(trained, None)
    assert logger.is_logged(trained, None)
    assert not WandbLogger(mode="online", project="other").is_logged(trained, None)
    assert not WandbLogger(mode="online", entity="other").is_logged(trained, None)
    assert not WandbLogger(mode="offline").is_logged(trained, None)
    monkeypatch.setenv("WANDB_BASE_URL", "http://other")
    assert not logger.is_logged(trained, None)


def test_the_table_arrives_as_an_artifact_and_to_be_seen(results, logger, wandb_server):
    logger.log_results(results, "small")
    artifact = wandb_server.artifact("results-small")
    assert (artifact.type, artifact.run) == ("results", "table-small")
    assert artifact.files["table.csv"] == (results / "table.csv").read_bytes()
    run = wandb_server.runs["table-small"]
    assert (run.group, run.job_type, run.complete) == ("small", "table", True)
    shown = json.loads(wandb_server.files[f"table-small/{run.summary['table']['path']}"])
    assert shown == {"columns": ["arm", "rate", "auc_mean"], "data": [["random", 0.5, 0.61], ["mf frozen", None, 0.7]]}
    n_asked = len(wandb_server.asked)
    logger.log_results(results, "small")
    assert len(wandb_server.asked) == n_asked


def test_the_model_arrives_as_an_artifact(trained, wandb_server):
    assert cadc("sync", "--model", "--tag", "baseline", "--group", "mine").status == 0
    artifact = wandb_server.artifact(f"model-{trained.name}")
    assert (artifact.type, artifact.run) == ("model", trained.name)
    assert artifact.files["model.safetensors"] == (trained / "model.safetensors").read_bytes()
    assert wandb_server.runs[trained.name].group == "mine"
    assert "1 sent before" in cadc("sync").out


def test_a_training_sends_its_run_when_it_is_finished(wandb_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Here the process is started, not forked.
    monkeypatch.setattr(wandb_process, "subprocess", subprocess)
    answer = cadc("train", *TINY, *ONLINE, "logger.entity=team")
    assert answer.status == 0
    assert len(answer.err.splitlines()) == 1
    (run_id,) = [name for name in runs() if name[0] != "."]
    assert_holds(wandb_server, Path(os.environ["CADC_RUNS"]) / run_id, None)
    assert not (tmp_path / "outputs").exists()
    assert not (tmp_path / "wandb").exists()


def test_a_live_run_is_at_the_server_while_it_is_trained(wandb_server, monkeypatch):
    monkeypatch.setattr(wandb_process, "subprocess", subprocess)
    monkeypatch.setattr(wandb_live, "EVERY_S", 0.0)
    seen = []
    close = wandb_live.WandbCurve.close

    def noting(self, state):
        close(self, state)
        seen.extend(len(run.history) for run in wandb_server.runs.values())

    monkeypatch.setattr(wandb_live.WandbCurve, "close", noting)
    answer = cadc("train", *TINY, *ONLINE, "logger.live=true")
    assert (answer.status, len(answer.err.splitlines())) == (0, 1), answer.err
    assert len(seen) == 1 and seen[0] >= 1
    (run_id,) = [name for name in runs() if name[0] != "."]
    assert_holds(wandb_server, Path(os.environ["CADC_RUNS"]) / run_id, None)


def test_variables_of_another_run_do_not_matter(trained, logger, wandb_server, monkeypatch):
    for name, value in [
        ("RUN_ID", "x"),
        ("RUN_GROUP", "y"),
        ("MODE", "disabled"),
        ("RESUME", "must"),
        ("SWEEP_ID", "z"),
    ]:
        monkeypatch.setenv(f"WANDB_{name}", value)
    logger.log_run(trained, None)
    assert_holds(wandb_server, trained, None)


@pytest.mark.parametrize(
    ("refuse", "status", "says"),
    [
        (".", 500, "does not answer as it should (POST"),
        (".", 0, "does not answer as it should (POST"),
        ("UpsertBucket", 403, "did not take it (this is refused)"),
        ("file_stream", 500, "took only a part of it"),
        ("file_stream", 0, "did not take it within 5 s"),
        ("file_stream", 404, "took only a part of it"),
    ],
)
def test_a_server_that_does_not_take_it_costs_a_line_and_bounded_time(failing, refuse, status, says):
    server = failing(refuse, status)
    started = time.monotonic()
    answer = cadc("train", *TINY, "model=bias", *ONLINE)
    assert time.monotonic() - started < 15
    assert answer.status == 0
    assert len(runs()) == 1
    said, line = answer.err.splitlines()
    assert "test/auc" in said
    assert line.startswith(f"run {runs()[0]} is finished but not logged")
    assert f"wandb at {server.url} {says}" in line
    assert line.endswith("`cadc sync` sends it later.")
    assert notes() == []


def test_no_server_costs_a_line(wandb_home, monkeypatch):
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    answer = cadc("train", *TINY, "model=bias", *ONLINE)
    assert answer.status == 0
    assert "does not answer as it should" in answer.err
    assert "connection refused); `cadc sync` sends it later." in answer.err.splitlines()[1]


def test_no_key_costs_a_line_and_no_question(wandb_home):
    answer = cadc("train", *TINY, "model=bias", *ONLINE)
    assert answer.status == 0
    assert "wandb has no key; set WANDB_API_KEY or run `wandb login`; `cadc sync`" in answer.err.splitlines()[1]


def test_after_a_failure_the_runs_that_follow_are_not_tried(failing):
    server = failing("UpsertBucket", 403)
    answer = cadc("train", "-m", *TINY, "model=bias", *ONLINE, "data.split_seed=0,1,2")
    assert answer.status == 0
    assert len(runs()) == 3
    assert answer.err.count("not logged") == 1
    assert server.asked.count("POST /graphql UpsertBucket") == 1


@pytest.mark.parametrize(("refuse", "status"), [("CreateArtifact$", 404), ("PUT /artifact", 403)])
def test_an_artifact_that_does_not_arrive_is_not_marked(failing, results, logger, refuse, status):
    failing(refuse, status)
    with pytest.raises(WandbError, match="did not take it"):
        logger.log_results(results, "small")
    assert not logger.are_results_logged(results, "small")


def processes_of(url):
    """Return what still runs with this server's address in its environment, ourselves left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if url.encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append((entry / "cmdline").read_bytes())
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks processes up in /proc")
def test_a_process_that_hangs_is_killed_with_what_it_started(failing, trained, logger, monkeypatch):
    server = failing(".", 0)
    monkeypatch.setattr(wandb_process, "INIT_TIMEOUT_S", 30.0)
    monkeypatch.setattr(wandb_process, "SLACK_S", -32.0)
    started = time.monotonic()
    with pytest.raises(WandbError, match="took more than 3 s"):
        logger.log_run(trained, None)
    assert time.monotonic() - started < 6
    assert server.asked
    until = time.monotonic() + 20
    while processes_of(server.url) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_of(server.url) == []


def test_ctrl_c_while_it_is_sent_keeps_the_run(failing, tmp_path):
    server = failing(".", 0)
    command = Command(["train", *TINY, "model=bias", *ONLINE], tmp_path)
    until = time.monotonic() + 60
    while not server.asked and time.monotonic() < until:
        time.sleep(0.01)
    command.send(signal.SIGINT)
    answer = command.answer()
    assert answer.status == 130, answer.err
    (run_id,) = runs()
    assert cadc("train", *TINY, "model=bias").out.splitlines()[-1].endswith(f"{run_id}/record.json")


def test_the_key_is_nowhere(failing, trained, results, logger, tmp_path, wandb_home):
    said = ""
    for refuse, status in [("", 0), ("UpsertBucket", 403), ("file_stream", 404)]:
        server = failing(refuse, status)
        answer = cadc("train", *TINY, "model=bias", *ONLINE)
        said += answer.out + answer.err + cadc("sync").err
        assert any(server.keys)
    failing("", 0)
    logger.log_results(results, "small")
    assert KEY not in said
    answer = subprocess.run(["grep", "-rlaF", KEY, str(tmp_path)], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (1, "")
