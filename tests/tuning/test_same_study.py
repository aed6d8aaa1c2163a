"""The same words give the same trials, whatever the ledger holds of their runs, and whatever the study is called."""

import shutil

import pytest
from optuna.trial import TrialState

from cadc.errors import CadcError
from cadc.execution import attempt
from cadc.execution.jobs import plan
from cadc.execution.sweep import execute
from cadc.ledger import Ledger
from cadc.pipeline import run as pipeline
from cadc.tuning.report import table
from cadc.tuning.work import VALIDATION
from tests.support.commands import cadc
from tests.tuning.helpers import TUNE, look, tune

RATES = "tune.space={trainer.learning_rate:{low:0.00001,high:0.03,log:true},trainer.batch_size:{choices:[128,256]}}"
FEW = (
    "tune.space={trainer.learning_rate:{choices:[0.00001,0.0003,0.003,0.03]},trainer.batch_size:{choices:[64,128,256]}}"
)
STUDY = ("trainer.max_epochs=4", "trainer.patience=99", "tune.trials=8")


def told(study):
    """Return all of a study's table but times."""
    return table(study).drop(columns="seconds")


def asked(study):
    """Return the overrides of each trial's run, one by one."""
    words = [word for word in (*TUNE, *STUDY) if not word.startswith("tune.")]
    return [[*words, *study.tuning.overrides(trial), VALIDATION] for trial in study.study.trials]


def finished(runs, study, _):
    execute(plan(asked(study)), Ledger(runs), report=lambda line: None)


def every_second_finished(runs, study, _):
    execute(plan(asked(study)[::2]), Ledger(runs), report=lambda line: None)


def interrupted(runs, study, monkeypatch):
    def stop(history):
        if history:
            raise KeyboardInterrupt

    for job in plan(asked(study)[::2]):
        ledger = Ledger(runs)
        if ledger.recorded(job.run_id) is None:
            with ledger.claim(job.run_id) as lease, pytest.raises(KeyboardInterrupt):
                attempt.run_job(job, ledger, lease, stop)


def pruned_by_another(runs, study, _):
    tune(runs, *study.words, "tune.name=other", "tune.pruner=hyperband", "tune.startup=0")


def copied(runs, study, _):
    shutil.copytree(study.folder.parent, runs, ignore=shutil.ignore_patterns(".studies"))


STATES = [copied, finished, every_second_finished, interrupted, pruned_by_another]


def fresh(tmp_path_factory, *words):
    study = tune(tmp_path_factory.mktemp("fresh"), *words, "tune.name=one")
    study.words = words
    return study


@pytest.fixture(scope="module")
def random_study(request, tmp_path_factory):
    """Trials that do not depend on each other, so that another study can stop the same ones elsewhere."""
    found = fresh(tmp_path_factory, *STUDY, RATES, "tune.sampler=random", f"tune.pruner={request.param}")
    assert {trial.state for trial in found.study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    return found


@pytest.fixture(scope="module")
def learning_study(tmp_path_factory):
    """Trials that learn from those before, of few settings, none of which is run twice."""
    found = fresh(tmp_path_factory, *STUDY, FEW, "tune.startup=3")
    runs = [trial.user_attrs["run"] for trial in found.study.trials]
    assert len(set(runs)) == len(runs)
    return found


@pytest.mark.parametrize(
    ("random_study", "before"),
    [*(("median", state) for state in STATES), ("hyperband", copied), ("hyperband", pruned_by_another)],
    indirect=["random_study"],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_independent_trials_come_out_alike_on_every_ledger(random_study, before, tmp_path, monkeypatch):
    before(tmp_path / "runs", random_study, monkeypatch)
    again = tune(tmp_path / "runs", *random_study.words, "tune.name=two")
    assert told(again).equals(told(random_study))


@pytest.mark.parametrize("before", STATES[:4], ids=lambda state: state.__name__)
def test_trials_that_learn_from_each_other_come_out_alike_on_every_ledger(
    learning_study, before, tmp_path, monkeypatch
):
    before(tmp_path / "runs", learning_study, monkeypatch)
    again = tune(tmp_path / "runs", *learning_study.words, "tune.name=two")
    assert told(again).equals(told(learning_study))


def test_a_run_that_failed_late_reports_its_epochs_to_the_next_study(tmp_path, monkeypatch):
    evaluate = pipeline.evaluate

    def fails_for_small_batches(settings, *rest):
        if settings.fit.option("batch_size") == 64:
            raise CadcError("made to fail")
        return evaluate(settings, *rest)

    words = (*STUDY, FEW, "tune.startup=3")
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "evaluate", fails_for_small_batches)
        first = tune(tmp_path / "a", *words, "tune.name=one")
    assert TrialState.FAIL in {trial.state for trial in first.study.trials}
    again = tune(tmp_path / "a", *words, "tune.name=two")
    assert told(again).equals(told(first))
    assert cadc("ledger", "verify").status == 0


def test_a_damaged_curve_of_a_finished_run_ends_the_study_with_a_sentence(tmp_path):
    words = (*STUDY[:2], "tune.trials=1", RATES)
    run = tune(tmp_path, *words, "tune.name=one").study.trials[0].user_attrs["run"]
    (tmp_path / run / "metrics.csv").write_text("epoch,val/logloss\n1,0.1\n")
    with pytest.raises(CadcError, match=r"metrics\.csv is missing or damaged"):
        tune(tmp_path, *words, "tune.name=two")
    assert look(tmp_path, *words, "tune.name=two").study.trials[0].state == TrialState.RUNNING
    shutil.rmtree(tmp_path / run)
    again = tune(tmp_path, *words, "tune.name=two")
    assert [trial.state for trial in again.study.trials] == [TrialState.COMPLETE]


def test_steps_of_a_range_are_decimal_numbers(tmp_path):
    space = "tune.space={sampler.rate:{low:0.1,high:0.9,step:0.1}}"
    study = tune(tmp_path, "model=label_mean", space, "tune.trials=12", "tune.sampler=random")
    rates = {record["config"]["sampler"]["rate"] for record in Ledger(tmp_path)}
    rates -= {1.0}  # of the first trial, which keeps the current settings
    assert rates <= {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}
    assert {0.1 + 0.2, 0.1 * 7} & {trial.params["sampler.rate"] for trial in study.study.trials[1:]}
    assert set(table(study)["sampler.rate"].dropna()) == rates
