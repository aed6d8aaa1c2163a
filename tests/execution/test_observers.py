"""Observers of an attempt are told of every epoch, those of earlier attempts included, and of its end."""

import pandas as pd
import pytest

from cadc.execution.attempt import Attempt
from cadc.execution.jobs import plan
from cadc.execution.observer import EpochObserver
from cadc.ledger import Ledger
from cadc.storage.run_files import CURVES
from tests.support.commands import TINY


class Noting(EpochObserver):
    """Keeps what it is told; ends the attempt after some epochs."""

    def __init__(self, stop_after=None):
        self.told, self.stop_after, self.ended = [], stop_after, None

    def tell(self, history):
        self.told.append([row["epoch"] for row in history])
        self.rows = [dict(row) for row in history]
        if len(history) == self.stop_after:
            raise KeyboardInterrupt

    def end(self, state):
        self.ended = state


def attempted(job, ledger, observer):
    with ledger.claim(job.run_id) as lease:
        attempt = Attempt(job, ledger, lease)
        attempt.observers.append(observer)
        with attempt.recorded():
            attempt.write(attempt.run)


def test_an_observer_is_told_of_all_epochs_after_each_and_when_the_run_is_resumed():
    (job,) = plan([(*TINY, "trainer.max_epochs=3", "trainer.patience=9")])
    ledger, first, second = Ledger(), Noting(stop_after=2), Noting()
    with pytest.raises(KeyboardInterrupt):
        attempted(job, ledger, first)
    assert (first.told, first.ended) == ([[1], [1, 2]], "interrupted")
    attempted(job, ledger, second)
    assert (second.told, second.ended) == ([[1, 2, 3]], "resumed")
    assert second.rows[:2] == first.rows
    curves = pd.read_csv(ledger.path(job.run_id) / CURVES, float_precision="round_trip")
    assert second.rows == curves.to_dict("records")
