"""`check_model` refuses models that break their contract, and says how."""

import pytest
import torch
from torch import nn

from cadc.models.factorization import FactorizationModel
from cadc.models.label_mean import LabelMean
from cadc.models.model import Model
from cadc.testing import check_model
from tests.testing.refused import refused


class Sum(Model):
    """The sum of all numbers of all vectors, and a bias."""

    def __init__(self, embeddings):
        super().__init__()
        self.embeddings = embeddings
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, batch):
        return self.embeddings(batch).sum((1, 2)) + self.bias


class Column(Sum):
    def forward(self, batch):
        return super().forward(batch).unsqueeze(1)


class Whole(Sum):
    def forward(self, batch):
        return super().forward(batch).long()


class Infinite(Sum):
    def forward(self, batch):
        return super().forward(batch) / 0


class LooksAround(Sum):
    def forward(self, batch):
        logits = super().forward(batch)
        return logits - logits.mean()


class LooksAtTheAnswer(Sum):
    def forward(self, batch):
        return super().forward(batch) + batch.label


class Wordless(Model):
    """Defines nothing of what a model must."""


class Noisy(Sum):
    def forward(self, batch):
        return super().forward(batch) + torch.rand(len(batch))


class RandomStart(Sum):
    def __init__(self, embeddings):
        super().__init__(embeddings)
        self.bias = nn.Parameter(torch.tensor(float(torch.Generator().seed() % 1000)))


class GlobalStart(Sum):
    def __init__(self, embeddings):
        super().__init__(embeddings)
        self.last = nn.Linear(3, 1)


class IdleWeight(Sum):
    def __init__(self, embeddings):
        super().__init__(embeddings)
        self.idle = nn.Parameter(torch.zeros(4))


class MeanLoss(Sum):
    def loss(self, batch):
        return super().loss(batch).mean()


class Untrainable(Sum):
    trainable = False


class NothingToTrain(LabelMean):
    trainable = True


class HiddenState(Sum):
    """Keeps what it learnt in an attribute that is not saved."""

    fits_sample = True

    def fit_sample(self, log, rows, weights=None, offset=0.0):
        self.shift = float(log.labels(rows).mean())

    def forward(self, batch):
        return super().forward(batch) + getattr(self, "shift", 0.0)


class SilentFit(HiddenState):
    fits_sample = False


class CannotRank(Sum):
    can_rank = True


class RanksInSilence(Sum):
    def item_scorer(self, items):
        return lambda users: torch.zeros(len(users), len(items))


class RanksOtherwise(RanksInSilence):
    can_rank = True


class RanksWrongWay(FactorizationModel):
    def item_scorer(self, items):
        score = super().item_scorer(items)
        return lambda users: score(users).T


class AsksTooMuch(Sum):
    def __init__(self, embeddings, user_history):
        super().__init__(embeddings)


class OtherTask(Sum):
    task = "regression"


BROKEN = {
    Column: ("(200, 1)", "(200,)"),
    Whole: ("int64", "floating-point"),
    Infinite: ("finite",),
    LooksAround: ("other rows of its batch",),
    LooksAtTheAnswer: ("labels of the batch",),
    Wordless: ("does not define forward", "Model"),
    Noisy: ("other logits for the same batch",),
    RandomStart: ("bias", "same generator"),
    GlobalStart: ("global generator of torch",),
    IdleWeight: ("no gradient reaches idle",),
    MeanLoss: ("loss of each row", "(200,)"),
    Untrainable: ("trainable is False",),
    NothingToTrain: ("trainable is True", "no weights"),
    HiddenState: ("stored weights", "buffer"),
    SilentFit: ("fits_sample is False", "fit_sample"),
    CannotRank: ("can_rank is True", "item_scorer"),
    RanksInSilence: ("can_rank is False", "item_scorer"),
    RanksOtherwise: ("order the items otherwise",),
    RanksWrongWay: ("(11, 5)", "(5, 11)"),
    AsksTooMuch: ("user_history", "embeddings, towers"),
    OtherTask: ("'regression'", "ranking"),
    dict: ("not derived from cadc.models.model.Model",),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_model_is_refused_and_the_reason_is_named(cls):
    said = refused(check_model, cls)
    for part in BROKEN[cls]:
        assert part in said
    assert cls.__name__ in said


def test_a_model_that_does_not_learn_is_refused():
    assert "took the loss from" in refused(check_model, Stubborn)


class Stubborn(Sum):
    """Its gradient leads uphill."""

    def loss(self, batch):
        losses = super().loss(batch)
        return losses.detach() * 2 - losses


def test_a_sound_model_passes():
    check_model(Sum)
