"""Patience waits, up to some steps, until validation is better than a prediction without information."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from torch import nn

from cadc.errors import UsageError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.tasks import HeldOutRanks, HeldOutRows
from cadc.training.best_epoch import BestEpoch
from cadc.training.fit import Fit
from cadc.training.uninformed import uninformed_metric

ORDERS = 2000


def over(losses, steps_per_epoch=10, **options):
    """Return the number of epochs before training is over by these validation losses."""
    best, model = BestEpoch(metric("logloss"), **options), nn.Linear(1, 1)
    for epoch, loss in enumerate(losses, 1):
        best.compare(epoch, {"logloss": loss}, model)
        if best.is_over(epoch, epoch * steps_per_epoch):
            return epoch
    return None


DEAD = [0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76, 0.77, 0.78, 0.79]


@pytest.mark.parametrize(
    ("losses", "options", "epochs"),
    [
        (DEAD, {"grace_steps": 0}, 3),
        (DEAD, {"grace_steps": 61}, 7),
        (DEAD, {"grace_steps": 1000}, None),
        ([0.68, *DEAD], {"grace_steps": 1000}, 3),
        ([*DEAD[:5], 0.6, 0.61, 0.62, 0.63], {"grace_steps": 1000}, 8),
        ([*DEAD[:5], 0.6, 0.61, 0.62, 0.63], {"grace_steps": 40}, 4),
    ],
)
def test_patience_counts_from_the_best_epoch_once_one_is_better_or_steps_have_passed(losses, options, epochs):
    assert over(losses, patience=2, uninformed=0.69, **options) == epochs


def test_without_patience_nothing_is_over():
    assert over(DEAD, patience=None, grace_steps=0, uninformed=0.69) is None


def test_a_constant_hardly_ever_beats_the_mean_label_of_the_rows_by_so_much(log):
    held_out = HeldOutRows(log, "validation")
    label = held_out.log.labels(held_out.rows).numpy()
    own = log_loss(label, np.full(len(label), label.mean(dtype=np.float64)))
    assert uninformed_metric(held_out) == pytest.approx(own - 2 / len(label), abs=1e-12)
    # Against the odds that drew them, the mean of labels gains more than that about once in 22 times.
    rng, gains = np.random.default_rng(0), []
    for drawn in rng.binomial(len(label), 0.3, ORDERS) / len(label):
        gains.append(drawn * np.log(drawn / 0.3) + (1 - drawn) * np.log((1 - drawn) / 0.7))
    assert np.mean(np.array(gains) > 2 / len(label)) == pytest.approx(0.0455, abs=0.015)


def test_random_orders_hardly_ever_rank_so_well(log):
    held_out = HeldOutRanks(log, "validation", rate=0.2)
    n_items, rng = len(held_out.held_out.candidates), np.random.default_rng(0)
    n = len(held_out)
    orders = [
        metric("ndcg@10").value(pd.DataFrame({"user": np.arange(n), "rank": rng.integers(1, n_items + 1, n)}))
        for _ in range(ORDERS // 10)
    ]
    bound = uninformed_metric(held_out)
    assert np.mean(np.array(orders) > bound) < 0.07
    assert bound == pytest.approx(np.mean(orders) + 2 * np.std(orders), rel=0.1)


def test_a_number_of_steps_below_zero_is_refused():
    with pytest.raises(UsageError, match=r"trainer\.grace_steps"):
        Fit(grace_steps=-1)
