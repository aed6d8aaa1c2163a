"""Words about launchers, and what runs on their other side, without any launcher."""

import os
import signal
from pathlib import Path

import pytest

from cadc.errors import CadcError, UsageError
from cadc.execution.jobs import plan
from cadc.execution.sweep import RunTask
from cadc.launchers import launch as launching
from cadc.launchers.launch import EXTRAS, PLUGINS, split_launcher
from cadc.launchers.worker import Places, Worker
from tests.support.commands import TINY, cadc, runs


@pytest.fixture
def all_installed(monkeypatch):
    monkeypatch.setattr(launching, "_is_installed", lambda name: True)


def test_words_about_the_launcher_are_told_from_the_others(all_installed):
    launcher = ["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2", "++hydra.launcher.ray.remote.num_gpus=1"]
    words = ["seed=0", launcher[1], "sampler.rate=0.1,1", launcher[0], launcher[2]]
    assert split_launcher(words) == (["seed=0", "sampler.rate=0.1,1"], [launcher[1], launcher[0], launcher[2]])
    assert split_launcher(["seed=0"]) == (["seed=0"], [])


def test_hydras_own_launcher_is_this_process():
    assert split_launcher(["seed=0", "hydra/launcher=basic"]) == (["seed=0"], [])


@pytest.mark.parametrize(
    "word",
    [
        "hydra.launcher._target_=os.system",
        "+hydra.launcher.ray.init._target_=os.system",
        "++hydra.launcher.ray.init={_target_: os.system, command: ls}",
        "hydra.launcher.ray={init: {_partial_: true}}",
        "hydra.launcher._args_=[ls]",
        "hydra.launcher.partition=${oc.env:HOME}",
        "hydra/launcher=${oc.env:HOME}",
    ],
)
def test_words_that_would_choose_what_is_called_are_refused(all_installed, word):
    with pytest.raises(UsageError, match="is not allowed"):
        split_launcher(["hydra/launcher=ray", word])


@pytest.mark.parametrize("name", ["rya", "ray_aws", "'ray'", "ray,joblib", "../ray", "hydra/launcher", ""])
def test_only_the_launchers_that_are_known_can_be_chosen(name):
    with pytest.raises(UsageError, match=r"no launcher .*hydra/launcher=ray, "):
        split_launcher([f"hydra/launcher={name}"])


def test_options_need_a_launcher_and_a_launcher_is_chosen_once(all_installed):
    with pytest.raises(UsageError, match=r"'hydra\.launcher\.n_jobs=2'.*hydra/launcher=ray,"):
        split_launcher(["seed=0", "hydra.launcher.n_jobs=2"])
    with pytest.raises(UsageError, match="is given 2 times"):
        split_launcher(["hydra/launcher=ray", "hydra/launcher=joblib"])


@pytest.mark.parametrize("name", EXTRAS)
def test_a_launcher_that_is_not_installed_is_said_before_anything_runs(monkeypatch, name):
    monkeypatch.setitem(PLUGINS, EXTRAS[name], "hydra_missing_launcher")
    answer = cadc("train", "-m", *TINY, "seed=0,1", f"hydra/launcher={name}")
    assert answer.status == 2
    assert f"hydra/launcher={name} is not installed; run `pip install 'cadc[{EXTRAS[name]}]'`" in answer.sentence
    assert runs() == []


@pytest.mark.parametrize("words", [("hydra/launcher=nope",), ("hydra.launcher.n_jobs=2",), ("hydra/launcher@x=ray",)])
@pytest.mark.parametrize("command", [("train", "-m", "seed=0,1"), ("experiment", "quickstart")])
def test_wrong_words_end_both_commands_in_a_sentence(command, words):
    answer = cadc(*command, *words)
    assert answer.status == 2
    assert words[0].partition("=")[2] in answer.sentence
    assert runs() == []


def test_every_extra_of_a_launcher_is_declared():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for extra in EXTRAS.values():
        assert any(word.startswith(PLUGINS[extra].replace("_", "-")) for word in extras[extra])


def carry_out(task):
    return Worker([None, task], Places.here())({"task": 1})


def test_a_worker_answers_with_the_result_of_its_task():
    assert carry_out(lambda: 7) == ("done", 7)


@pytest.mark.parametrize(("kind", "status"), [(CadcError, 1), (UsageError, 2)])
def test_a_workers_error_is_its_sentence_and_status(kind, status):
    def fail():
        raise kind("that is wrong.")

    assert carry_out(fail) == ("failed", ("that is wrong.", status))
    result = launching._result(carry_out(fail))
    assert type(result) is kind and str(result) == "that is wrong."


def test_a_workers_unforeseen_error_names_kind_and_machine():
    kind, (message, status) = carry_out(lambda: 1 / 0)
    assert (kind, status) == ("failed", 1)
    assert message.startswith("ZeroDivisionError: division by zero (on ")


def test_a_worker_that_is_interrupted_says_so():
    def interrupt():
        raise KeyboardInterrupt

    kind, (message, status) = carry_out(interrupt)
    assert (kind, status) == ("failed", 1)
    assert message.startswith("stopped on ")


def test_a_worker_leaves_other_programs_signals_alone():
    before = signal.getsignal(signal.SIGTERM)
    assert carry_out(lambda: signal.getsignal(signal.SIGTERM)) == ("done", before)


def test_a_worker_goes_where_it_was_sent_from(monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("CADC_RUNS", "relative")
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CADC_LEASE_SECONDS", "7")
    places = Places.here()
    monkeypatch.chdir("/")
    for name in ("CADC_RUNS", "CADC_CACHE", "CADC_DATA_DIR", "CADC_LEASE_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CADC_CACHE", "/elsewhere")
    places.go()
    assert os.environ["CADC_RUNS"] == str(tmp_path / "here" / "relative")
    assert os.environ["CADC_CACHE"] == places.variables["CADC_CACHE"] != "/elsewhere"
    assert os.environ["CADC_DATA_DIR"] == str(tmp_path)
    assert os.environ["CADC_LEASE_SECONDS"] == "7"
    assert Path.cwd() == tmp_path / "here"


def test_a_worker_forgets_what_is_not_set_where_it_was_sent_from(monkeypatch, tmp_path):
    places = Places.here()
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CADC_LEASE_SECONDS", "7")
    places.go()
    assert "CADC_DATA_DIR" not in os.environ
    assert "CADC_LEASE_SECONDS" not in os.environ


def test_a_run_that_has_another_id_here_is_refused():
    (job,) = plan([TINY])
    with pytest.raises(
        CadcError, match=f"run {'0' * 16} has the id {job.run_id} on .*code, plug-ins or data differ there"
    ):
        RunTask(job.overrides, "0" * 16, False)()
    assert runs() == []
    assert RunTask(job.overrides, job.run_id, False)() == "finished"
    assert RunTask(job.overrides, job.run_id, False)() == "skipped"
    assert runs() == [job.run_id]
