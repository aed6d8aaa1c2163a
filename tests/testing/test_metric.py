"""The contract of metrics holds for our own, and a broken metric is told what is wrong with it."""

import numpy as np
import pytest

from cadc.evaluation.metrics.auc import AUC
from cadc.evaluation.metrics.brier import BrierScore
from cadc.evaluation.metrics.hr import HitRate
from cadc.evaluation.metrics.lookup import metric_classes
from cadc.testing import check_metric


@pytest.mark.parametrize("name", metric_classes())
def test_every_metric_keeps_the_contract(name):
    check_metric(metric_classes()[name])


def test_an_optional_cutoff_may_be_given():
    check_metric(metric_classes()["mrr"], at=3)


class Upside(BrierScore):
    higher_is_better = True


class Changing(BrierScore):
    def value(self, rows):
        rows["probability"] = 0.5
        return super().value(rows)


class Wide(BrierScore):
    bounds = (0.5, 1.0)


class Ordered(BrierScore):
    def value(self, rows):
        return float(rows["probability"].to_numpy()[0])


class Undefined(AUC):
    def value(self, rows):
        return 0.5 if rows["label"].nunique() < 2 and rows["label"].max() / 0 else super().value(rows)


class Missing(AUC):
    def value(self, rows):
        return super().value(rows) if rows["label"].nunique() == 2 else float("nan")


class Resampled(AUC):
    def resample(self, rows, unit, n_units):
        return lambda multiplicity: np.full(len(multiplicity), self.value(rows))


class Unlabelled(HitRate):
    columns = ("user", "rank", "price")


class Taken(BrierScore):
    name = "auc"


class Unwritable(BrierScore):
    name = "a@b"


class Uncut(HitRate):
    def __init__(self, at=None):
        self.at = at or 10


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (Upside, "higher_is_better is True"),
        (Changing, "changed the rows"),
        (Wide, "outside its bounds"),
        (Ordered, "in another order"),
        (Undefined, "ZeroDivisionError"),
        (Missing, "is nan"),
        (Resampled, r"resample gave"),
        (Unlabelled, "column price"),
        (Uncut, "UsageError"),
        (Taken, "'auc'.*AUC has already"),
        (Unwritable, "'a@b'"),
        (dict, "not derived"),
    ],
)
def test_a_broken_metric_is_told_what_is_wrong(cls, said):
    with pytest.raises(AssertionError, match=said):
        check_metric(cls)
