"""What a fit does with weights, offsets, initial weights that compete, and limits."""

import math

import pytest
import torch
from torch import nn

from cadc.errors import DataError, UsageError
from cadc.evaluation.tasks import HeldOutRows
from cadc.models.model import Model
from cadc.training.fit import Fit


class Constant(Model):
    """One logit for all rows."""

    def __init__(self, start=0.0):
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(float(start)))

    def forward(self, batch):
        return self.logit.expand(len(batch.label))


def fit(log, model, **options):
    beside = options.pop("beside", None)
    fitting = Fit(**({"learning_rate": 0.05, "batch_size": 500, "patience": 20, "max_epochs": 20} | options))
    rows = log.rows("train")
    return fitting(model, log, rows, torch.Generator().manual_seed(0), beside=beside)


def share(log, weight=None):
    label = log.labels(log.rows("train")).double()
    return float(label.mean() if weight is None else (label * weight).sum() / weight.sum())


def fit_freely(log, model, **options):
    """Fit without a penalty on the one weight."""
    return fit(log, model, weight_decay_mlp=0.0, **options)


def test_weights_move_the_fit_to_the_weighted_mean(log):
    weight = torch.where(log.labels(log.rows("train")) > 0, 3.0, 1.0)
    weight /= weight.mean()
    seen = []

    class Watched(Constant):
        def forward(self, batch):
            seen.append(float(self.logit.detach().sigmoid()))
            return super().forward(batch)

    fit_freely(log, Watched(), beside={"weight": weight})
    assert seen[-1] == pytest.approx(share(log, weight), abs=0.02)
    assert abs(seen[-1] - share(log)) > 0.1


def test_an_offset_counts_in_training_alone(log):
    model = Constant()
    result = fit_freely(log, model, beside={"offset": torch.full((log.n_rows("train"),), -1.5)})
    # What the model says without the offset moves above the mean to make up for it, and validation sees that.
    reached = [row["val/logloss"] for row in result.history]
    assert reached[-1] > reached[0] + 0.05
    assert HeldOutRows(log, "validation").metrics(model)["logloss"] == pytest.approx(min(reached))
    plain = [row["val/logloss"] for row in fit_freely(log, Constant()).history]
    assert plain[-1] < reached[-1] - 0.05


def test_initial_weights_compete_where_they_are_of_use(log):
    start = float(torch.logit(log.labels(log.rows("validation")).mean()))
    base = Constant(start)
    base.starts_at_base = True
    result = fit(log, base, learning_rate=1.0, patience=2)
    assert result.best_epoch == 0
    assert float(base.logit.detach()) == pytest.approx(start)
    assert result.epochs == 2
    assert [row["epoch"] for row in result.history] == [1, 2]
    other = Constant(start)
    assert fit(log, other, learning_rate=1.0, patience=2).best_epoch > 0


def test_a_fit_ends_when_its_time_is_up(log):
    result = fit(log, Constant(), max_seconds=1e-9, max_epochs=50, patience=50)
    assert result.epochs == 1
    assert result.best_epoch == 1
    assert result.history[0]["train/loss"] == pytest.approx(math.log(2)), "the mean over the step that was taken"


def test_thinned_validation_reads_its_share_and_the_same_rows_for_all(log):
    result = fit(log, Constant(), validation_rate=0.1, max_epochs=1)
    assert result.n_validation == round(0.1 * log.n_rows("validation"))
    one, other = (HeldOutRows(log, "validation", 0.1) for _ in range(2))
    assert torch.equal(one.rows, other.rows)
    assert torch.isin(one.rows, log.rows("validation")).all()


def test_validation_rows_of_one_label_ask_for_more_of_them(log):
    with pytest.raises(DataError, match=r"AUC .*all 1 labels .*trainer\.validation_rate"):
        fit(log, Constant(), validation_rate=1e-6, max_epochs=1)


@pytest.mark.parametrize(
    ("option", "said"),
    [({"validation_rate": 0.0}, "trainer.validation_rate"), ({"max_seconds": 0.0}, "trainer.max_seconds")],
)
def test_limits_that_make_no_sense_are_refused(option, said):
    with pytest.raises(UsageError, match=said):
        Fit(**option)


def test_single_numbers_have_no_penalty_and_other_weights_have_one(log):
    class Scaled(Constant):
        def __init__(self):
            super().__init__()
            self.vector = nn.Parameter(torch.ones(3))

        def forward(self, batch):
            return super().forward(batch) + 0 * self.vector.sum()

    model = Scaled()
    fit(log, model, weight_decay_mlp=10.0, max_epochs=3)
    assert float(model.vector.detach().abs().max()) < 0.9
    alone = Constant()
    fit(log, alone, weight_decay_mlp=0.0, max_epochs=3)
    assert float(model.logit.detach()) == pytest.approx(float(alone.logit.detach()), abs=1e-6)
