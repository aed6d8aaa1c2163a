"""A study that is killed goes on: the wanted total, each trial once, and all as if nothing had happened."""

import os
import random
import signal

import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from cadc.errors import CadcError
from cadc.execution import attempt
from cadc.execution.epochs import saved_history
from cadc.ledger import Ledger
from cadc.storage.lease import claim
from cadc.storage.under_lease import clear
from cadc.training.checkpoints import CheckpointFolder
from cadc.tuning import work as work_module
from cadc.tuning.study import SharedStudy
from tests.tuning.helpers import check_study, fork, lines, look, outcome, tune, wait_until


def test_trials_killed_three_times_are_those_of_a_study_in_one_go(tmp_path):
    words = ("tune.trials=18",)
    look(tmp_path / "elsewhere")  # composed once for all
    undisturbed = fork(tmp_path / "calm", *words)
    rng = random.Random(3)
    said = 0
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        child = fork(tmp_path / "killed", *words)
        said += rng.randint(2, 4)
        wait_until(lambda said=said, child=child: len(lines(tmp_path / "killed")) >= said or not child.is_alive())
        assert child.is_alive(), (tmp_path / "killed" / "err").read_text()
        child.join(rng.uniform(0, 0.5))
        os.kill(child.pid, number)
        child.join(30)
        assert child.exitcode == (130 if number == signal.SIGINT else -number)
        said = len(lines(tmp_path / "killed"))
    assert said < 18
    last = fork(tmp_path / "killed", *words)
    last.join(60)
    undisturbed.join(60)
    assert (last.exitcode, undisturbed.exitcode) == (0, 0)
    study, calm = look(tmp_path / "killed" / "runs", *words), look(tmp_path / "calm" / "runs", *words)
    check_study(study, tmp_path / "killed" / "runs", 18)
    states = {trial.state for trial in study.study.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}, "or this shows less than it says"
    assert outcome(study) == outcome(calm)
    said = lines(tmp_path / "killed")
    assert said[-1].startswith("[18/18]")
    told = [line.split(" trial ")[1].split()[0] for line in said]
    # A kill between telling the study and telling the user leaves a line out.
    assert len(told) == len(set(told)) >= 16


@pytest.mark.slow
def test_a_study_killed_twenty_times_is_that_of_a_study_in_one_go(tmp_path):
    words = ("tune.trials=24",)
    look(tmp_path / "elsewhere")  # composed once for all
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    undisturbed = fork(calm, *words)
    rng = random.Random(5)
    for kill in range(20):
        notes = n_notes(killed) + rng.randrange(14)
        child = fork(killed, *words)
        wait_until(lambda notes=notes, child=child: n_notes(killed) > notes or not child.is_alive())
        assert child.is_alive(), f"there is nothing left for kill {kill}"
        child.join(rng.uniform(0, 0.05))
        os.kill(child.pid, signal.SIGKILL)
        child.join(30)
        assert child.exitcode == -signal.SIGKILL
    last = fork(killed, *words)
    last.join(90)
    undisturbed.join(90)
    assert (last.exitcode, undisturbed.exitcode) == (0, 0)
    study = look(killed / "runs", *words)
    check_study(study, killed / "runs", 24)
    assert outcome(study) == outcome(look(calm / "runs", *words))


def n_notes(folder):
    """Return the number of lines in the journal of the study so far."""
    return sum(path.read_bytes().count(b"\n") for path in (folder / "runs" / ".studies").glob("*.journal"))


class Killed(BaseException):
    """Stands for the end of the process: nothing but leases gets to do anything."""


@pytest.fixture
def mortal(monkeypatch):
    """Call it with a number: so many notes into the journal, and the process dies."""
    append, left = JournalFileBackend.append_logs, [1 << 30]

    def count(self, logs):
        append(self, logs)
        left[0] -= 1
        if left[0] <= 0:
            raise Killed

    monkeypatch.setattr(JournalFileBackend, "append_logs", count)
    return lambda notes: left.__setitem__(0, notes)


def test_killed_after_any_note_in_the_journal(tmp_path, mortal):
    words = ("tune.trials=8", "tune.startup=2", "tune.seed=1")
    calm = tune(tmp_path / "calm", *words)
    rng = random.Random(1)
    kills = 0
    while True:
        mortal(rng.randint(3, 14))
        try:
            study = tune(tmp_path / "killed", *words)
            break
        except Killed:
            kills += 1
    mortal(1 << 30)
    assert kills > 8
    assert {trial.state for trial in study.study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    check_study(study, tmp_path / "killed", 8)
    assert outcome(study) == outcome(calm)


@pytest.mark.parametrize("where", ["before the report", "before the answer", "before the record", "after the record"])
def test_a_trial_that_was_to_be_stopped_is_stopped_by_whoever_takes_it_over(tmp_path, monkeypatch, where):
    words = ("tune.trials=6", "tune.startup=2", "tune.seed=1")
    calm = tune(tmp_path / "calm", *words)
    bad = next(trial for trial in calm.study.trials if trial.state == TrialState.PRUNED)

    def die(*arguments, **options):
        raise Killed

    tell, report = SharedStudy.tell, Trial.report

    def last_report(self, value, step):
        is_last = (self.number, step) == (bad.number, bad.last_step)
        if is_last and where == "before the report":
            raise Killed
        report(self, value, step)
        if is_last:
            raise Killed

    with monkeypatch.context() as patch:
        if where == "before the record":
            patch.setattr(attempt, "record_without_result", die)
        elif where == "after the record":
            patch.setattr(
                SharedStudy, "tell", lambda self, trial, *s, **o: (die if "state" in o else tell)(self, trial, *s, **o)
            )
        else:
            patch.setattr(Trial, "report", last_report)
        with pytest.raises(Killed):
            tune(tmp_path / "killed", *words)
    study = tune(tmp_path / "killed", *words)
    assert outcome(study) == outcome(calm)
    for trial in study.study.trials:
        if trial.state == TrialState.PRUNED:
            ledger, run_id = Ledger(tmp_path / "killed"), trial.user_attrs["run"]
            with ledger.claim(run_id) as lease:
                saved = saved_history(CheckpointFolder(ledger.checkpoints(run_id), lease))
            assert len(saved) == trial.last_step, "it was trained on"


@pytest.mark.parametrize("ended", [True, False])
def test_a_late_process_leaves_its_trial_to_whoever_took_it_over(tmp_path, monkeypatch, ended):
    """It was stopped in the middle of the trial, and the other one may have ended the trial meanwhile."""
    words = ("tune.trials=2", "tune.pruner=none")
    calm = tune(tmp_path / "calm", *words)
    mean, others = work_module.mean_values, []

    def stopped(*arguments):
        if others:
            return mean(*arguments)
        late = look(tmp_path / "runs", *words)
        (folder,) = late.folder.glob("*.trials/0")
        next(folder.glob("lease-*")).write_text('{"released": true}')  # as if it gave no sign of life
        others.append(claim(folder))
        if ended:
            late.study.tell(0, values=mean(*arguments))
            clear(others[0])
        else:
            others[0].release()
        raise CadcError("what the late one finds")

    monkeypatch.setattr(work_module, "mean_values", stopped)
    study = tune(tmp_path / "runs", *words)
    assert outcome(study) == outcome(calm)
    assert len(others) == 1
