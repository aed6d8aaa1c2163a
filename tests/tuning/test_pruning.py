"""Bad trials are stopped early, on validation alone, and may go on later."""

import numpy as np
import optuna
import pytest
from optuna.trial import Trial, TrialState

from cadc.configuration.override_text import to_overrides
from cadc.data.log import InteractionLog
from cadc.ledger import Ledger
from cadc.tuning.tuning import Tuning
from tests.support.commands import cadc
from tests.tuning.helpers import TUNE, check_study, tune

VALIDATION_METRICS = {"val/auc", "val/logloss", "val/gauc", "val/ece"}
# Low rates learn next to nothing in these few steps.
RATES = "tune.space={trainer.learning_rate:{low:0.00001,high:0.03,log:true}}"


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_trials_are_stopped_early_and_keep_their_checkpoint(tmp_path, pruner):
    study = tune(tmp_path, RATES, f"tune.pruner={pruner}", "tune.trials=12", "trainer.max_epochs=5")
    check_study(study, tmp_path, 12)
    ledger = Ledger(tmp_path)
    stopped = [trial for trial in study.study.trials if trial.state == TrialState.PRUNED]
    assert stopped
    for trial in stopped:
        assert len(trial.intermediate_values) < 5
        assert trial.value == trial.intermediate_values[max(trial.intermediate_values)]
        assert list(ledger.checkpoints(trial.user_attrs["run"]).glob("*.ckpt"))
    for trial in study.study.trials:
        assert list(trial.intermediate_values) == list(range(1, len(trial.intermediate_values) + 1))
    # What was stopped was worse, at its age, than at least half of those that were not.
    if pruner == "median":
        rates = {
            state: [t.params["trainer.learning_rate"] for t in study.study.trials if t.state == state]
            for state in (TrialState.PRUNED, TrialState.COMPLETE)
        }
        assert sorted(rates[TrialState.PRUNED])[0] < sorted(rates[TrialState.COMPLETE])[-1]


@pytest.mark.parametrize(("pruner", "kept"), [("median", 0.5), ("quartile", 0.75)])
def test_a_trial_is_stopped_where_it_is_among_the_worst_after_an_epoch(pruner, kept):
    study = optuna.create_study(pruner=Tuning({"seed": {"low": 0, "high": 9}}, pruner=pruner).pruner(9))
    others = np.linspace(0.5, 0.7, 21)
    for loss in others:
        study.add_trial(optuna.trial.create_trial(value=loss, intermediate_values={1: loss, 2: loss}))
    stopped = []
    for loss in others:
        trial = study.ask()
        trial.report(loss, 2)
        stopped.append(trial.should_prune())
    assert stopped == list(others > np.quantile(others, kept))


def test_a_pruned_run_that_is_asked_for_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path))
    study = tune(tmp_path, RATES, "tune.trials=12")
    trial = next(trial for trial in study.study.trials if trial.state == TrialState.PRUNED)
    words = [word for word in TUNE if not word.startswith("tune.")]
    answer = cadc("train", *words, *to_overrides(trial.params), "evaluate=validation")
    assert answer.status == 0, answer.err
    assert "resumed" in answer.err
    record = Ledger(tmp_path).record(trial.user_attrs["run"])
    assert record["status"] == "finished"
    assert record["cost"]["epochs"] == 3
    # The same on the test part is another run.
    again = cadc("train", *words, *to_overrides(trial.params))
    assert "resumed" not in again.err
    assert trial.user_attrs["run"] not in again.out


@pytest.mark.parametrize(
    "word", ["tune.pruner=none", "tune.metric=[val/logloss,bytes/embedding]", "tune.metric=bytes/embedding"]
)
def test_nothing_is_stopped(tmp_path, word):
    study = tune(tmp_path, RATES, word, "tune.trials=8")
    assert {trial.state for trial in study.study.trials} == {TrialState.COMPLETE}


def test_the_last_epoch_stops_none(tmp_path, monkeypatch):
    monkeypatch.setattr(Trial, "should_prune", lambda self: len(study_values(self)) == 3)
    study = tune(tmp_path, RATES, "tune.trials=2")
    assert {trial.state for trial in study.study.trials} == {TrialState.COMPLETE}


def study_values(trial):
    return trial.storage.get_trial(trial._trial_id).intermediate_values


def test_a_setting_is_run_once_and_a_space_without_more_ends_the_study(tmp_path):
    study = tune(tmp_path, "tune.space={embedding.dim:{choices:[2,4]}}", "tune.trials=6", "tune.pruner=none")
    # The first trial keeps the current settings.
    assert sorted(record["config"]["embedding"]["dim"] for record in Ledger(tmp_path)) == [2, 4, 16]
    assert len({trial.user_attrs["run"] for trial in study.study.trials}) == len(study.study.trials) == 3
    assert study.ended_by() == "space"


def test_trials_never_read_test_data(tmp_path, monkeypatch):
    tune(tmp_path / "prepared", "tune.trials=1")
    rows, column = InteractionLog.rows, InteractionLog.column

    def guarded(method):
        def read(self, *arguments, **options):
            assert "test" not in [*arguments, *options.values()], "a trial reads test data"
            return method(self, *arguments, **options)

        return read

    monkeypatch.setattr(InteractionLog, "rows", guarded(rows))
    monkeypatch.setattr(InteractionLog, "column", guarded(column))
    study = tune(tmp_path / "runs", "tune.trials=3", "tune.space={initializer:{choices:[random,mf]}}")
    assert {trial.state for trial in study.study.trials} == {TrialState.COMPLETE}
    assert all(set(record["metrics"]) == VALIDATION_METRICS for record in Ledger(tmp_path / "runs"))
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    assert "a trial reads test data" in cadc("train", *TUNE[:5]).err, "or the guard sees nothing"
