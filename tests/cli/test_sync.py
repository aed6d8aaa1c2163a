"""`cadc sync`: finished runs go to wandb, each once, and what hinders that is a sentence."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.cli.conftest import write_experiment
from tests.support.commands import TINY, cadc, folders, runs
from tests.support.wandb_server import KEY, WandbServer, serving

CONTROLS = {"arms": {"biases only": ["model=bias"]}, "common": [*TINY, "data.split_seed=${seed}"], "fast": []}
"""An experiment of two runs that train nothing."""


@pytest.fixture(scope="session")
def _three_once(session_cache, tmp_path_factory):
    with folders(session_cache, tmp_path_factory.mktemp("sync") / "runs"):
        answer = cadc("train", "-m", *TINY, "model=bias", "data.split_seed=0,1,2")
        assert answer.status == 0, answer.err
        return Path(os.environ["CADC_RUNS"])


@pytest.fixture
def three(_three_once):
    """Ids of three finished runs, in the order in which they are sent."""
    shutil.copytree(_three_once, os.environ["CADC_RUNS"])
    return runs()


@pytest.fixture
def small(experiments):
    """The name of an experiment of two runs."""
    write_experiment(experiments, "small", **CONTROLS)
    return "small"


def test_all_runs_are_sent_once(three, wandb_server):
    answer = cadc("sync")
    assert answer.status == 0, answer.err
    assert list(wandb_server.runs) == three
    assert all(run.complete and run.job_type == "control" for run in wandb_server.runs.values())
    lines = [f"[{n}/3] {run_id} {wandb_server.url}/me/cadc/runs/{run_id}" for n, run_id in enumerate(three, 1)]
    assert answer.err.splitlines() == lines
    assert answer.out == "3 sent, 0 sent before\n"

    n_asked = len(wandb_server.asked)
    again = cadc("sync")
    assert (again.status, again.out, again.err) == (0, "0 sent, 3 sent before\n", "")
    assert len(wandb_server.asked) == n_asked


def test_runs_are_named_by_their_beginning(three, wandb_server):
    assert cadc("sync", three[1][:10], three[1]).out == "1 sent, 0 sent before\n"
    assert list(wandb_server.runs) == [three[1]]
    assert cadc("sync", three[1][:10]).out == "0 sent, 1 sent before\n"
    assert cadc("sync", three[1][:10], "--again").out == "1 sent, 0 sent before\n"
    assert cadc("sync", three[1], "--project", "other", "--entity", "team").out == "1 sent, 0 sent before\n"


def test_an_experiment_is_a_group_with_its_table(small, wandb_server):
    assert cadc("experiment", small).status == 0
    assert wandb_server.runs == {}
    answer = cadc("sync", "--experiment", small)
    assert answer.status == 0, answer.err
    assert {(run.group, run.job_type) for run in wandb_server.runs.values()} == {
        ("small", "control"),
        ("small", "table"),
    }
    assert len(wandb_server.runs) == 3
    table = wandb_server.artifact("results-small").files
    assert table["table.csv"] == Path("results/small/table.csv").read_bytes()
    assert "figure.png" in table
    assert answer.out.splitlines() == [
        "2 sent, 0 sent before",
        f"the table in results/small was sent to {wandb_server.url}/me/cadc/runs/table-small",
    ]
    again = cadc("sync", "--experiment", small)
    assert again.out.splitlines() == ["0 sent, 2 sent before", "the table in results/small was sent before"]


def test_an_experiment_with_a_logger_sends_runs_and_table(small, wandb_server):
    answer = cadc("experiment", small, "logger=wandb", "logger.mode=online")
    assert answer.status == 0, answer.err
    assert "not logged" not in answer.err
    assert {run.group for run in wandb_server.runs.values()} == {"small"}
    assert wandb_server.artifact("results-small").files["table.csv"]
    again = cadc("sync", "--experiment", small)
    assert again.out.splitlines() == ["0 sent, 2 sent before", "the table in outputs/small was sent before"]


def test_an_experiment_that_wandb_does_not_take_has_its_table_all_the_same(small, wandb_home):
    answer = cadc("experiment", small, "logger=wandb", "logger.mode=online")
    assert answer.status == 0
    assert Path("outputs/small/table.csv").exists()
    *_, line = answer.err.splitlines()
    assert line == (
        "the table in outputs/small is written but not logged either; `cadc sync --experiment small` sends all of it "
        "later."
    )
    assert answer.err.count("wandb has no key") == 1


def test_runs_that_are_elsewhere_are_counted(small, wandb_server):
    assert cadc("experiment", small).status == 0
    first, _ = [name for name in runs() if name[0] != "."]
    shutil.rmtree(Path(os.environ["CADC_RUNS"]) / first)
    answer = cadc("sync", "--experiment", small)
    assert answer.status == 0
    assert answer.err.startswith("1 runs are not in ")
    assert answer.out.startswith("1 sent, 0 sent before\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing"], "'nothing' does not name one finished run"),
        (["--experiment", "smal"], "there is no experiment 'smal'; did you mean small"),
        (["x", "--experiment", "small"], "run ids and --experiment were both given"),
        (["--results", "there"], "--results was given without --experiment"),
    ],
)
def test_wrong_words_are_a_sentence(small, wandb_server, words, says):
    answer = cadc("sync", *words)
    assert answer.status == 2
    assert says in answer.sentence
    assert wandb_server.asked == []


def test_an_experiment_that_was_not_run_is_a_sentence(small, wandb_server):
    answer = cadc("sync", "--experiment", small)
    assert answer.status == 1
    assert "none of the runs of the results in results/small or outputs/small" in answer.sentence
    assert answer.sentence.endswith("`cadc experiment small` runs them.")


def test_results_that_name_no_runs_are_a_sentence(small, wandb_server):
    Path("results/small").mkdir(parents=True)
    Path("results/small/provenance.json").write_text("[]")
    answer = cadc("sync", "--experiment", small)
    assert answer.status == 1
    assert "provenance.json cannot be read (it is not an object)" in answer.sentence


def test_an_empty_ledger_sends_nothing(wandb_server):
    answer = cadc("sync")
    assert answer.status == 0
    assert answer.out.startswith("there are no finished runs in ")
    assert wandb_server.asked == []


def test_without_a_key_nothing_is_asked_and_nothing_sent(three, wandb_home):
    answer = cadc("sync")
    assert answer.status == 1
    assert "wandb has no key; set WANDB_API_KEY or run `wandb login`. Run the same command again" in answer.sentence
    assert f"3 of 3 runs were not sent, first {three[0]}" in answer.sentence


@pytest.mark.parametrize(("status", "says"), [(500, "attempt"), (0, "exceeded"), (None, "refused")])
def test_a_server_that_does_not_answer_is_a_sentence_in_bounded_time(three, wandb_home, monkeypatch, status, says):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    started = time.monotonic()
    with serving(WandbServer(".", status or 0)) as server:
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1" if status is None else server.url)
        answer = cadc("sync")
    assert time.monotonic() - started < 15
    assert answer.status == 1
    assert "does not answer as it should" in answer.sentence
    assert says in answer.sentence
    assert "3 of 3 runs were not sent" in answer.sentence


def test_one_run_that_is_refused_does_not_keep_the_others(three, wandb_server, monkeypatch):
    wandb_server.refuse, wandb_server.status = f"files/me/cadc/{three[0]}/", 404
    answer = cadc("sync")
    assert answer.status == 1
    assert f"1 of 3 runs were not sent, first {three[0]}" in answer.err.splitlines()[-1]
    assert [run_id for run_id, run in wandb_server.runs.items() if run.complete] == three[1:]
    wandb_server.refuse = ""
    assert cadc("sync").out == "1 sent, 2 sent before\n"


def test_a_record_that_cannot_be_read_does_not_keep_the_others(three, wandb_server):
    (Path(os.environ["CADC_RUNS"]) / three[0] / "metrics.csv").write_text("nothing\n1\n")
    answer = cadc("sync")
    assert answer.status == 1
    assert "metrics.csv is not a table with a column epoch" in answer.err.splitlines()[-1]
    assert list(wandb_server.runs) == three[1:]
