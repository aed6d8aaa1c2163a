"""`check_factorization` refuses factorisations that break their contract, and says how."""

import pytest
import torch

from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors
from cadc.testing import check_factorization
from tests.testing.refused import refused


class LabelMeans(Factorization):
    """Biases of user and item from the labels of their rows, and vectors of ones."""

    kind = "score"

    def __init__(self, dim: int | None = None):
        self.dim = dim

    def fit(self, log, rows, dim, validation=None):
        vectors, biases = {}, {}
        for name in ("user", "item"):
            ids, n_values = log.field_ids(name, rows).long(), log.schema[name].vocabulary_size
            counts = torch.bincount(ids, minlength=n_values)
            biases[name] = torch.bincount(ids, self.labels(log, rows), minlength=n_values).float() / (counts + 5)
            vectors[name] = torch.ones(n_values, dim)
            vectors[name][0] = 0
        return self.made(vectors, biases), {"seconds": 0.1, "epochs": 1}

    def labels(self, log, rows):
        return log.labels(rows)

    def made(self, vectors, biases):
        return Factors(vectors, biases, kind=self.kind)


class WrongKind(LabelMeans):
    def made(self, vectors, biases):
        return Factors(vectors, biases, kind="logit")


class UnknownKind(LabelMeans):
    kind = "probability"


class KnowsUnknown(LabelMeans):
    def made(self, vectors, biases):
        vectors["item"][0] = 1
        return super().made(vectors, biases)


class DoubleBiases(LabelMeans):
    def made(self, vectors, biases):
        return super().made(vectors, {name: own.double() for name, own in biases.items()})


class TooShort(LabelMeans):
    def made(self, vectors, biases):
        return super().made({name: own[:, :1] for name, own in vectors.items()}, biases)


class Infinite(LabelMeans):
    def made(self, vectors, biases):
        biases["user"][3] = float("inf")
        return super().made(vectors, biases)


class NothingLearnt(LabelMeans):
    def made(self, vectors, biases):
        return super().made(vectors, {name: torch.zeros_like(own) for name, own in biases.items()})


class Unseeded(LabelMeans):
    def labels(self, log, rows):
        return torch.rand(len(rows), generator=torch.Generator().manual_seed(torch.Generator().seed()))


class Global(LabelMeans):
    def labels(self, log, rows):
        return torch.rand(len(rows))


class PeeksAtTest(LabelMeans):
    def labels(self, log, rows):
        return log.labels(rows) + log.labels(log.rows("test")).mean()


class ReadsValidationInSilence(LabelMeans):
    def labels(self, log, rows):
        return log.labels(rows) + log.labels(log.rows("validation")).mean()


class Unpriced(LabelMeans):
    def fit(self, log, rows, dim, validation=None):
        return super().fit(log, rows, dim)[0], {"seconds": 1.0}


BROKEN = {
    WrongKind: ("'logit'", "'score'"),
    UnknownKind: ("'probability'", "logit, score"),
    KnowsUnknown: ("*unknown*", "item", "not zero"),
    DoubleBiases: ("biases of user", "float64"),
    TooShort: ("vectors of user", "1)", "3)"),
    Infinite: ("biases of user", "finite"),
    NothingLearnt: ("same score",),
    Unseeded: ("different factors",),
    Global: ("global generator of torch",),
    PeeksAtTest: ("labels of rows changed that it was not given",),
    ReadsValidationInSilence: ("reads_validation = True",),
    Unpriced: ("epochs=None",),
    dict: ("not derived from cadc.factorization.factorization.Factorization",),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_factorisation_is_refused_and_the_reason_is_named(cls):
    said = refused(check_factorization, cls)
    for part in BROKEN[cls]:
        assert part in said
    assert cls.__name__ in said


def test_a_sound_factorisation_passes():
    check_factorization(LabelMeans)
