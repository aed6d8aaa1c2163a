"""When fits stop: patience counts from the last real gain, and some passes are taken in any case."""

import pytest
import torch

from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.fm import FactorizationMachine
from cadc.factorization.logistic import LogisticMF
from tests.support.helpers import small_synthetic_log

PLATEAU = [0.55, 0.56, 0.53, 0.52, 0.52, 0.51]
"""Validation loglosses of over-relaxed passes: the second is worse than the first, the third much better."""


@pytest.mark.parametrize(
    ("options", "epochs", "best"),
    [
        ({"patience": 1}, 2, 0),
        ({"patience": 1, "min_epochs": 3}, 5, 3),
        ({"patience": 2}, 6, 5),
        ({"patience": 1, "min_epochs": 3, "max_epochs": 2}, 2, 0),
        ({"patience": 1, "min_epochs": 3, "tolerance": 0.015}, 4, 3),
        ({"patience": 1, "min_epochs": 3, "tolerance": 1.0}, 3, 2),
    ],
)
def test_it_stops_after_epochs_without_gain_and_keeps_the_best(options, epochs, best):
    stop = EarlyStop(**{"max_epochs": 100} | options)
    for number, loss in enumerate(PLATEAU):
        if stop.is_over:
            break
        stop.tell(loss, [torch.tensor(number)])
    assert (stop.epoch, int(stop.best[0])) == (epochs, best)


@pytest.mark.parametrize("factorization", [LogisticMF, FactorizationMachine])
def test_a_second_pass_without_gain_does_not_end_a_closed_form_fit(factorization):
    log = small_synthetic_log()
    _, cost = factorization(tolerance=1.0).fit(log, log.rows("train"), 4)
    assert cost["epochs"] == 3
    _, cost = factorization(tolerance=1.0, max_epochs=2).fit(log, log.rows("train"), 4)
    assert cost["epochs"] == 2
