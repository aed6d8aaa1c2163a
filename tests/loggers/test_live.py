"""Loggers of Lightning have each epoch of a run once, as it ends, however often the run is killed."""

import csv
import importlib.util
import json
import os
import signal
import warnings
from pathlib import Path

import pandas as pd
import pytest

from cadc.execution.jobs import plan
from cadc.execution.logged_epochs import LoggedEpochs
from cadc.ledger import Ledger
from cadc.loggers import of_lightning
from cadc.storage.run_files import CURVES
from tests.support.commands import TINY, cadc, runs
from tests.support.processes import Command

RUN = ("train", *TINY, "trainer.max_epochs=4", "trainer.patience=9")


def from_csv(run_id):
    with Path(f"outputs/csv/{run_id}/metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    return [(name, int(line["step"]), float(value)) for line in lines for name, value in line.items() if value]


def from_tensorboard(run_id):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(f"outputs/tensorboard/{run_id}").Reload()
    return [(name, e.step, e.value) for name in events.Tags()["scalars"] for e in events.Scalars(name)]


def from_mlflow(run_id):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{Path('outputs/mlflow.db').absolute()}")
    (known,) = client.search_experiments(filter_string="name = 'cadc'")
    (run,) = client.search_runs([known.experiment_id])
    assert run.data.tags["cadc.run"] == run.info.run_name == run_id
    assert run.data.params["model/embedding_dropout"] == "0.0"
    names = run.data.metrics
    return [(name, e.step, e.value) for name in names for e in client.get_metric_history(run.info.run_id, name)]


def needs(package):
    is_there = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not is_there, reason=f"{package} is not installed; pip install 'cadc[{package}]' adds it")


LOGGERS = {"csv": from_csv, "tensorboard": from_tensorboard, "mlflow": from_mlflow}
EACH = ["csv", pytest.param("tensorboard", marks=needs("tensorboard")), pytest.param("mlflow", marks=needs("mlflow"))]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def curve(logger, run_id, name):
    """Step and value of a curve as the logger holds it, in the order of logging."""
    return [(step, value) for key, step, value in LOGGERS[logger](run_id) if key == name]


def assert_complete(logger, run_id):
    folder = Ledger().path(run_id)
    expected = pd.read_csv(folder / CURVES, float_precision="round_trip")
    for name in ("train/loss", "val/auc", "val/logloss"):
        found = curve(logger, run_id, name)
        assert found == [(step, pytest.approx(value, rel=1e-6)) for step, value in expected[["epoch", name]].values]
    record = json.loads((folder / "record.json").read_text())
    ((step, value),) = curve(logger, run_id, "test/auc")
    assert (step, value) == (len(expected), pytest.approx(record["metrics"]["test/auc"], rel=1e-6))


def killed_after_two_epochs():
    tell = LoggedEpochs.tell

    def dying(self, history):
        tell(self, history)
        if len(history) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    LoggedEpochs.tell = dying


@pytest.mark.parametrize("logger", EACH)
def test_a_killed_run_has_its_epochs_and_continues_its_curve_when_it_is_resumed(logger, tmp_path):
    command = Command([*RUN, f"logger={logger}"], tmp_path, setup=killed_after_two_epochs)
    command.process.join(120)
    assert command.process.exitcode == -signal.SIGKILL
    (about,) = Ledger().folder.glob(".unfinished/*/about.json")
    run_id = about.parent.name
    assert [step for step, _ in curve(logger, run_id, "val/auc")] == [1, 2]
    answer = cadc(*RUN, f"logger={logger}")
    assert answer.status == 0 and ", resumed" in answer.err and len(answer.err.splitlines()) == 1, answer.err
    assert_complete(logger, run_id)


@pytest.mark.parametrize("logger", EACH)
def test_a_finished_run_is_logged_when_it_is_asked_for_again_and_only_then(logger):
    assert cadc(*RUN).status == 0
    (run_id,) = runs()
    assert not Path("outputs").exists()
    assert cadc(*RUN, f"logger={logger}").status == 0
    assert_complete(logger, run_id)
    before = {path: path.stat().st_mtime_ns for path in Path("outputs").rglob("*") if path.is_file()}
    assert cadc(*RUN, f"logger={logger}").status == 0
    assert before == {path: path.stat().st_mtime_ns for path in Path("outputs").rglob("*") if path.is_file()}


def test_a_logger_changes_neither_the_id_nor_the_result_of_a_run():
    (plain,), (logged,) = plan([RUN[1:]]), plan([(*RUN[1:], "logger=csv")])
    assert plain.run_id == logged.run_id
    assert cadc(*RUN).status == 0
    other = {"CADC_RUNS": "elsewhere"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CADC_RUNS", "elsewhere")
        assert cadc(*RUN, "logger=csv").status == 0
    files = [
        [(Path(place) / plain.run_id / name).read_bytes() for name in ("scores.parquet", "model.safetensors", CURVES)]
        for place in (os.environ["CADC_RUNS"], other["CADC_RUNS"])
    ]
    assert files[0] == files[1]


def test_runs_that_are_trained_together_have_a_curve_each():
    answer = cadc("train", "-m", *RUN[1:], "logger=csv", "trainer.fleet=2", "seed=0,1")
    assert answer.status == 0, answer.err
    for run_id in runs():
        assert_complete("csv", run_id)


def test_a_run_without_training_has_its_metrics():
    assert cadc("train", *TINY, "model=bias", "logger=csv").status == 0
    (run_id,) = runs()
    assert [step for step, _ in curve("csv", run_id, "test/auc")] == [0]


def test_a_failing_logger_is_said_once_and_the_run_goes_on():
    Path("outputs").write_text("a file, not a folder")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        answer = cadc("train", "-m", *TINY, "logger=csv", "seed=0,1")
    assert answer.status == 0
    assert len([name for name in runs() if name[0] != "."]) == 2
    said = [line for line in answer.err.splitlines() if "logged" in line]
    assert len(said) == 1 and "goes on, but its epochs are not logged" in said[0], answer.err
    assert said[0].endswith("the same command logs it later."), said


class Stopping:
    """A logger of Lightning that fails at its third epoch."""

    def __init__(self):
        self.steps = []

    def log_hyperparams(self, params):
        pass

    def log_metrics(self, metrics, step):
        if step == 3:
            raise OSError("no space is left\nfor it")
        self.steps.append(step)

    def save(self):
        pass


def test_a_logger_that_fails_within_a_run_is_left_alone_from_then_on(monkeypatch):
    from cadc.loggers import csv_files
    from cadc.loggers.curve import Curve

    failing = Stopping()
    monkeypatch.setattr(csv_files.CSVFiles, "follow", lambda self, run_id, config: Curve(failing, config))
    answer = cadc(*RUN, "logger=csv")
    assert answer.status == 0
    # Once while it is trained, and once when it is finished.
    assert failing.steps == [1, 2, 1, 2]
    (line,) = [line for line in answer.err.splitlines() if "no space" in line]
    assert "no space is left; the same command" in line


@pytest.mark.parametrize("logger", ["tensorboard", "mlflow"])
def test_a_missing_package_is_said_before_anything_is_run(logger, monkeypatch):
    monkeypatch.setattr(of_lightning, "find_spec", lambda name: None)
    answer = cadc("train", *TINY, f"logger={logger}")
    assert answer.status == 2
    assert answer.sentence.endswith(f"which is not installed; `pip install 'cadc[{logger}]'` adds it.")
    assert runs() == []
