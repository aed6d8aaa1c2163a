"""A metric that is added or changed leaves the ids of runs alone, unless training stops by it."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cadc.evaluation import metrics
from cadc.evaluation.metrics.lookup import metric_classes
from cadc.ledger.identity import run_identity
from cadc.pipeline.settings import Settings

SCORED = ("data=synthetic",)
RANKED = ("data=synthetic", "data/split=leave_one_out", "model=two_tower", "trainer=ranking")
OTHERS = sorted({*metric_classes()} - {"logloss", "ndcg"})
FOLDER = Path(metrics.__file__).parent


@pytest.fixture
def write(monkeypatch, tmp_path, forget_plugins):
    """Write files into a copy of the folder of metrics, which takes the place of the folder."""
    copy = Path(shutil.copytree(FOLDER, tmp_path / "metrics"))

    def into_copy(**texts):
        for name, text in texts.items():
            (copy / f"{name}.py").write_text(text)
            monkeypatch.delitem(sys.modules, f"{metrics.__name__}.{name}", raising=False)
        monkeypatch.setattr(metrics, "__path__", [str(copy)])
        monkeypatch.setattr(metrics.__spec__, "submodule_search_locations", [str(copy)])
        forget_plugins()

    yield into_copy
    monkeypatch.undo()
    forget_plugins()


def ids():
    """Return the ids of a run that scores rows and of one that ranks items."""
    log = SimpleNamespace(meta={"name": "synthetic", "content_hash": "x"})
    return [run_identity(Settings.compose(words), log)[0] for words in (SCORED, RANKED)]


def changed(name):
    """Return the file of a metric with another label."""
    text = (FOLDER / f"{name}.py").read_text()
    assert "label = " in text
    return text.replace("label = ", "label = 'another ' + ", 1)


def test_changed_and_new_metrics_leave_runs_alone(write):
    before = ids()
    new = (FOLDER / "brier.py").read_text().replace('"brier"', '"new"')
    write(new=new, **{name: changed(name) for name in OTHERS})
    found = metric_classes()
    assert "new" in found
    assert all(found[name].label.startswith("another") for name in OTHERS), "the copy is what counts here"
    assert ids() == before


@pytest.mark.parametrize(("name", "run"), [("logloss", 0), ("ndcg", 1)])
def test_a_changed_metric_that_training_stops_by_is_another_run(write, name, run):
    before = ids()
    write(**{name: changed(name)})
    after = ids()
    assert after[run] != before[run]
    assert after[1 - run] == before[1 - run], "the other task stops by another metric"
