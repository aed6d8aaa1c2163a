"""Processes that work on one study: the wanted total, each trial done by one of them."""

import os
import signal
from collections import Counter

import pytest
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import OperationalError

from cadc.ledger import Ledger
from cadc.tuning.storage import NoAnswer
from tests.support.commands import cadc
from tests.tuning.helpers import TUNE, check_study, fork, lines, look, outcome, tune, wait_until


def numbers(folder):
    """Return the trials that a process ended."""
    return [int(line.split(" trial ")[1].split()[0]) for line in lines(folder)]


def end(*children):
    for child in children:
        child.join(120)
        assert child.exitcode == 0, child


def test_two_processes_on_one_journal(tmp_path):
    look(tmp_path / "elsewhere")  # composed once for both
    one, two = (fork(tmp_path / name, "tune.trials=8", runs=tmp_path / "runs") for name in ("one", "two"))
    end(one, two)
    check_study(look(tmp_path / "runs"), tmp_path / "runs", 8)
    assert min(len(numbers(tmp_path / name)) for name in ("one", "two")) > 0
    assert sorted(numbers(tmp_path / "one") + numbers(tmp_path / "two")) == list(range(8))


def test_one_of_two_is_killed_and_the_other_takes_its_trial_over(tmp_path):
    look(tmp_path / "elsewhere")
    one, two = (fork(tmp_path / name, "tune.trials=10", runs=tmp_path / "runs") for name in ("one", "two"))
    wait_until(lambda: len(lines(tmp_path / "one")) >= 2)
    os.kill(one.pid, signal.SIGKILL)
    end(two)
    check_study(look(tmp_path / "runs"), tmp_path / "runs", 10)
    assert Counter(numbers(tmp_path / "one") + numbers(tmp_path / "two")).most_common(1)[0][1] == 1


def test_a_journal_whose_lock_a_killed_process_left_goes_on(tmp_path):
    study = tune(tmp_path, "tune.trials=2")
    study.storage.journal.with_name(f"{study.storage.journal.name}.lock").symlink_to(study.storage.journal)
    assert len(tune(tmp_path, "tune.trials=3").done()) == 3


def test_half_a_line_that_a_full_disk_left_is_cut_off(tmp_path):
    study = tune(tmp_path, "tune.trials=2")
    with study.storage.journal.open("ab") as file:
        file.write(b'{"op_code": 5, "trial_i')
    assert len(look(tmp_path).done()) == 2
    assert len(tune(tmp_path, "tune.trials=3").done()) == 3


def test_a_relative_ledger_does_not_lead_the_lock_astray(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tune(tmp_path.relative_to(tmp_path) / "runs", "tune.trials=1")
    assert study.storage.journal == tmp_path / "runs" / ".studies" / study.storage.journal.name


def test_a_trial_that_was_told_while_its_lease_was_looked_for_is_left_alone(tmp_path, monkeypatch):
    study = tune(tmp_path, "tune.trials=2")
    trial, lease = tune_to(study, 3).next()
    stale = study.study.get_trials()
    study.tell(trial, values=[0.5])
    lease.release()
    monkeypatch.setattr(study.study, "get_trials", lambda **options: stale)
    assert stale[2].state == TrialState.RUNNING
    assert study.next() is None
    monkeypatch.undo()
    assert study.study.trials[2].values == [0.5]
    assert not study.others_work()


def tune_to(study, n_trials):
    study.tuning.trials = n_trials
    return study


def test_more_trials_than_before_go_on_and_fewer_do_nothing(tmp_path):
    first = outcome(tune(tmp_path, "tune.trials=5"))
    assert outcome(tune(tmp_path, "tune.trials=3")) == first
    more = outcome(tune(tmp_path, "tune.trials=7"))
    assert len(more) == 7
    assert more[:5] == first


def test_a_sqlite_file_serves_as_well(tmp_path):
    words = (f"tune.storage=sqlite:///{tmp_path}/studies.db", "tune.trials=4")
    study = tune(tmp_path / "runs", *words)
    check_study(study, tmp_path / "runs", 4)
    assert outcome(study) == outcome(tune(tmp_path / "others", "tune.trials=4"))


@pytest.mark.cluster
class TestPostgreSQL:
    def test_is_as_good_as_a_journal(self, tmp_path, database):
        words = ("tune.trials=5", "tune.startup=2")
        study = tune(tmp_path / "runs", *words, f"tune.storage={database}")
        check_study(study, tmp_path / "runs", 5)
        assert outcome(study) == outcome(tune(tmp_path / "others", *words))

    def test_two_processes_make_a_study_in_a_fresh_database_at_once(self, tmp_path, database):
        words = (f"tune.storage={database}", "tune.trials=10")
        look(tmp_path / "elsewhere")
        children = [fork(tmp_path / name, *words, runs=tmp_path / "runs") for name in ("one", "two")]
        end(*children)
        check_study(look(tmp_path / "runs", *words), tmp_path / "runs", 10)
        assert sorted(numbers(tmp_path / "one") + numbers(tmp_path / "two")) == list(range(10))

    def test_two_ledgers_share_a_study(self, tmp_path, database):
        words = (f"tune.storage={database}", "tune.trials=10")
        look(tmp_path / "elsewhere")
        end(*(fork(tmp_path / name, *words) for name in ("one", "two")))
        study = look(tmp_path / "one" / "runs", *words)
        done = {name: numbers(tmp_path / name) for name in ("one", "two")}
        assert sorted(done["one"] + done["two"]) == list(range(10)), done
        assert min(map(len, done.values())) > 0
        assert len({trial.user_attrs["run"] for trial in study.study.trials}) == 10

    def test_one_of_two_is_killed_and_the_other_takes_its_trial_over(self, tmp_path, database):
        words = (f"tune.storage={database}", "tune.trials=8")
        look(tmp_path / "elsewhere")
        one, two = (fork(tmp_path / name, *words, runs=tmp_path / "runs") for name in ("one", "two"))
        wait_until(lambda: len(lines(tmp_path / "one")) >= 2)
        os.kill(one.pid, signal.SIGKILL)
        end(two)
        check_study(look(tmp_path / "runs", *words), tmp_path / "runs", 8)

    @pytest.mark.parametrize("wrong", ["password", "port"])
    def test_one_that_cannot_be_reached_is_named_without_the_password(self, tmp_path, postgres, wrong):
        address = {
            "password": f"postgresql://cadc:wr0ng@127.0.0.1:{postgres}/postgres",
            "port": "postgresql://cadc:wr0ng@127.0.0.1:1/postgres",
        }[wrong]
        answer = cadc("tune", *TUNE, f"tune.storage={address}")
        assert answer.status == 2
        assert "in postgresql+psycopg://cadc:***@127.0.0.1" in answer.sentence
        assert "cannot be opened" in answer.sentence
        assert "wr0ng" not in answer.err

    def test_one_that_goes_away_interrupts_the_trial_and_fails_no_run(self, tmp_path, database, monkeypatch):
        words = (f"tune.storage={database}", "tune.trials=3")

        def away(self, value, step):
            raise OperationalError("INSERT", {}, Exception("server closed the connection"))

        with monkeypatch.context() as patch:
            patch.setattr(Trial, "report", away)
            with pytest.raises(NoAnswer, match=r"does not answer .*run the command again to resume"):
                tune(tmp_path, *words)
        assert set(Ledger(tmp_path).statuses().values()) == {"interrupted"}
        check_study(tune(tmp_path, *words), tmp_path, 3)
