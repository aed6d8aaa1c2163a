"""`check_sampler` refuses samplers that break their contract, and says how."""

import numpy as np
import pytest
import torch

from cadc.sampling.sampler import Sample, Sampler
from cadc.sampling.uniform import UniformSampler
from cadc.testing import check_sampler
from tests.testing.refused import refused


class ForgetsRows(UniformSampler):
    def draw(self, log, n_kept, generator, factors=None):
        return super().draw(log, n_kept - 1, generator, factors)


class Unordered(UniformSampler):
    def draw(self, log, n_kept, generator, factors=None):
        return Sample(super().draw(log, n_kept, generator, factors).rows.flip(0))


class DrawsTestRows(UniformSampler):
    def draw(self, log, n_kept, generator, factors=None):
        return Sample(super().draw(log, n_kept, generator, factors).rows + log.n_rows("test"))


class NotNested(UniformSampler):
    def keys(self, log, generator, factors=None):
        return np.random.default_rng(int(1000 * self.rate)).random(log.n_rows("train"))


class Unseeded(UniformSampler):
    def keys(self, log, generator, factors=None):
        return np.random.default_rng().random(log.n_rows("train"))


class Global(UniformSampler):
    def keys(self, log, generator, factors=None):
        return torch.rand(log.n_rows("train")).numpy()


class ReadsLabels(UniformSampler):
    def keys(self, log, generator, factors=None):
        return super().keys(log, generator) - log.column("label", "train")


class TakesFactorsUnasked(UniformSampler):
    def keys(self, log, generator, factors=None):
        return factors().logits(log, log.rows("train")).numpy()


class Weighted(UniformSampler):
    weight = 2.0

    def draw(self, log, n_kept, generator, factors=None):
        sample = super().draw(log, n_kept, generator, factors)
        return Sample(sample.rows, torch.full((n_kept,), self.weight))


class NegativeWeights(Weighted):
    weight = -1.0


class WrongFacts(UniformSampler):
    def draw(self, log, n_kept, generator, factors=None):
        return Sample(super().draw(log, n_kept, generator, factors).rows, facts={"share": float("nan")})


class Silent(Sampler):
    def keys(self, log, generator, factors=None):
        return np.full(log.n_rows("train"), np.nan)


class AcceptsAnyRate(UniformSampler):
    def __init__(self, rate=1.0):
        self.rate = rate


BROKEN = {
    ForgetsRows: ("shape (61,)", "expected 62"),
    Unordered: ("ascending",),
    DrawsTestRows: ("training rows are 0 to 4799",),
    NotNested: ("larger sample", "must not depend on the rate"),
    Unseeded: ("larger sample",),
    Global: ("global generator of torch",),
    ReadsLabels: ("allows_complement = False",),
    TakesFactorsUnasked: ("needs_factors = True",),
    Weighted: ("mean 2", "expected 1"),
    NegativeWeights: ("not positive",),
    WrongFacts: ("share=nan",),
    Silent: ("NaN",),
    AcceptsAnyRate: ("rate=0.0", "accepted"),
    dict: ("not derived from cadc.sampling.sampler.Sampler",),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_sampler_is_refused_and_the_reason_is_named(cls):
    said = refused(check_sampler, cls)
    for part in BROKEN[cls]:
        assert part in said
    assert cls.__name__ in said


def test_a_sampler_that_is_not_repeatable_is_refused():
    class Drifting(UniformSampler):
        calls = 0

        def keys(self, log, generator, factors=None):
            Drifting.calls += 1
            keys = np.random.default_rng(0).random(log.n_rows("train"))
            return keys if Drifting.calls <= 3 else -keys

    assert "different samples for the same generator" in refused(check_sampler, Drifting)
