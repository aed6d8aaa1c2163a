"""Studies of a few quick trials, in this process or in others that can be killed."""

import multiprocessing
import os
import signal
import sys
import time
from functools import reduce
from pathlib import Path

from optuna.trial import TrialState

from cadc.cli import main
from cadc.ledger import Ledger
from cadc.tuning.work import open_study, work

SMALL = ("data=synthetic", "data.n_rows=1500", "data.n_users=40", "data.n_items=50", "logger=none")
TUNE = (*SMALL, "trainer.max_epochs=3", "tune.startup=4")
"""Trials of a third of a second, of which some are stopped early."""


def tune(runs, *words):
    """Work on a study in this process and return it."""
    ledger = Ledger(runs)
    study, base = open_study([*TUNE, *words], ledger)
    work(study, base, ledger, report=lambda line: None)
    return study


def look(runs, *words):
    """Return a study without working on it."""
    return open_study([*TUNE, *words], Ledger(runs))[0]


def fork(folder: Path, *words: str, runs: Path | None = None):
    """Start `cadc tune` as a process of its own, which has loaded everything already."""
    folder.mkdir(parents=True, exist_ok=True)
    process = multiprocessing.get_context("fork").Process(target=_tune, args=(folder, runs or folder / "runs", words))
    process.start()
    return process


def _tune(folder, runs, words):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ["CADC_RUNS"] = str(runs)
    os.chdir(folder)
    status = main(["tune", *TUNE, *words])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def lines(folder: Path) -> list[str]:
    """Return what a process said about trials so far."""
    path = folder / "err"
    return [line for line in path.read_text().splitlines() if line.startswith("[")] if path.exists() else []


def wait_until(condition, seconds=90):
    """Look again and again."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "nothing happens"
        time.sleep(0.005)


def outcome(study):
    """Return what must not depend on how often a study was interrupted."""
    return [(t.number, t.state.name, t.params, t.values, t.intermediate_values) for t in study.study.trials]


def check_study(study, runs, n_trials):
    """Every trial came to an end once, and is what its run in the ledger says."""
    ledger = Ledger(runs)
    trials = study.study.trials
    assert [trial.number for trial in trials] == list(range(n_trials))
    assert all(trial.state.is_finished() for trial in trials)
    ids = [trial.user_attrs["run"] for trial in trials]
    assert len(set(ids)) == n_trials
    assert ledger.statuses().keys() == set(ids)
    for trial in trials:
        record = ledger.record(trial.user_attrs["run"])
        assert record["config"]["evaluate"] == "validation"
        for key, value in trial.params.items():
            assert reduce(dict.__getitem__, key.split("."), record["config"]) == value
        if trial.state == TrialState.COMPLETE:
            assert record["status"] == "finished"
            assert study.tuning.values(record) == trial.values
        else:
            assert (trial.state, record["status"]) == (TrialState.PRUNED, "pruned")
