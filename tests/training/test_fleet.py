"""Arms that are trained together end as each of them would alone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.errors import CadcError
from cadc.models.dlrm import DLRM
from cadc.pipeline.build import batch_columns
from cadc.pipeline.run import begin
from cadc.pipeline.settings import Settings
from cadc.randomness import torch_generator
from cadc.training.fleet import Arm, Fleet, NotTogether
from tests.support.commands import TINY

SMALL = (*TINY, "sampler.rate=0.3", "embedding.dim=6", "trainer.batch_size=64", "trainer.max_epochs=1")


def in_precision(log, dtype):
    """Return a log whose dense features have a type; they are float32 as a rule."""
    gather = log.gather
    log.gather = lambda rows: replace(batch := gather(rows), dense=batch.dense.to(dtype))
    return log


class Prepared:
    """A run up to its training, in float64."""

    def __init__(self, *overrides, dtype=torch.float64):
        self.settings = settings = Settings.compose([*SMALL, *overrides])
        self.begun = begun = begin(settings)
        self.log = in_precision(begun.log, dtype)
        self.model = begun.model.to(dtype)
        self.fit = settings.fit.build()
        self.beside = batch_columns(begun.sample, begun.fitted)
        self.shuffle = torch_generator(settings.seeds.weights, "batches")

    def alone(self):
        rows = self.begun.sample.rows
        return self.fit(self.model, self.log, rows, self.shuffle, beside=self.beside, task=self.settings.task)

    def arm(self, tell=None):
        rows, task = self.begun.sample.rows, self.settings.task
        return Arm(self.fit, self.model, self.log, rows, self.shuffle, tell, self.beside, task)

    def logits(self):
        with torch.no_grad():
            return self.model.eval()(self.log.gather(self.log.rows("validation")))


def together(prepared, **options):
    arms = [one.arm(**options) for one in prepared]
    found = {id(arm): ended for arm, ended in Fleet(arms).fit()}
    return [found[id(arm)] for arm in arms]


def assert_as_alone(all_overrides):
    alone, in_fleet = ([Prepared(*overrides) for overrides in all_overrides] for _ in range(2))
    expected, found = [one.alone() for one in alone], together(in_fleet)
    for one, other, own, reference in zip(in_fleet, alone, found, expected, strict=True):
        torch.testing.assert_close(one.logits(), other.logits(), rtol=0, atol=1e-5)
        assert (own.epochs, own.best_epoch) == (reference.epochs, reference.best_epoch)
        assert own.history[-1] == pytest.approx(reference.history[-1], abs=1e-5)
        assert (own.optimizer_bytes, own.n_validation) == (reference.optimizer_bytes, reference.n_validation)
        assert (own.fleet, reference.fleet) == (len(found), 1)
    # The arms do differ.
    assert all((first.logits() - second.logits()).abs().max() > 1e-3 for first, second in pairwise(in_fleet))


ARMS = {
    "initialisers": [("initializer=random",), ("initializer=mf",), ("initializer=mf", "seed=1")],
    "rates": [("sampler.rate=0.3",), ("sampler.rate=0.1", "seed=1"), ("sampler.rate=0.05",)],
    "options of Adam": [
        ("trainer.learning_rate=0.01",),
        ("trainer.learning_rate=0.001", "trainer.weight_decay_mlp=0.1"),
        ("trainer.learning_rate=0.01", "seed=1", "trainer.weight_decay_tables=0.1"),
    ],
    "schedules of several lengths": [
        ("trainer.max_epochs=2", "trainer.schedule=cosine", "trainer.warm_up=0.2", "sampler.rate=0.3"),
        ("trainer.max_epochs=2", "trainer.schedule=linear", "trainer.learning_rate=0.02", "sampler.rate=0.1"),
    ],
    "averages": [
        ("trainer.averaging=ema", "trainer.averaging_epochs=2"),
        ("trainer.averaging=ema", "trainer.learning_rate=0.01"),
        ("trainer.learning_rate=0.02",),
    ],
    "residuals": [
        ("model.residual=true", "factorization_rows=complement", f"seed={seed}", "trainer.learning_rate=0.01")
        for seed in (0, 1)
    ],
    "cross-fitted residuals": [
        ("model.residual=true", "factorization_rows=crossfit", f"seed={seed}", "trainer.learning_rate=0.02")
        for seed in (0, 1)
    ],
    "offsets": [("sampler=label_balanced", f"sampler.rate={rate}") for rate in (0.1, 0.3)],
    "weights": [("sampler=label_balanced", "sampler.weighting=ipw", f"seed={seed}") for seed in (0, 1)],
    "linear terms beside vectors and products": [
        ("model.interaction=both", "model.linear=true", f"seed={seed}", "trainer.learning_rate=0.01") for seed in (0, 1)
    ],
    "DeepFM": [("model=deepfm", f"seed={seed}", "trainer.learning_rate=0.01") for seed in (0, 1)],
    "DCN": [("model=dcn", "model.rank=3", f"seed={seed}", "trainer.learning_rate=0.01") for seed in (0, 1)],
    "compressed tables": [("embedding=qr", "embedding.dim=6", f"seed={seed}") for seed in (0, 1)],
}


@pytest.mark.parametrize("arms", ARMS.values(), ids=ARMS.keys())
def test_logits_after_an_epoch_are_those_of_an_arm_alone(arms):
    assert_as_alone(arms)


def test_every_arm_stops_as_early_as_alone():
    several = ("trainer.max_epochs=8", "trainer.patience=1", "trainer.learning_rate=0.01")
    arms = [(*several, f"seed={seed}", f"sampler.rate={rate}") for seed, rate in ((0, 0.3), (1, 0.1), (2, 0.3))]
    assert_as_alone(arms)
    assert len({result.epochs for result in together([Prepared(*arm) for arm in arms])}) > 1


def test_an_arm_that_fails_leaves_the_others_as_they_are():
    arms = [("seed=0",), ("seed=1", "trainer.learning_rate=1e200")]
    fine, failed = (Prepared(*arm) for arm in arms)
    results = together([fine, failed])
    assert "trainer.learning_rate" in str(results[1])
    assert isinstance(results[1], CadcError)
    alone = Prepared(*arms[0])
    alone.alone()
    torch.testing.assert_close(fine.logits(), alone.logits(), rtol=0, atol=1e-5)


def test_an_arm_whose_listener_stops_it_ends_with_its_error():
    def stop(history):
        raise ValueError(f"after {len(history)} epochs")

    several = [Prepared("seed=0", "trainer.max_epochs=3"), Prepared("seed=1", "trainer.max_epochs=3")]
    arms = [several[0].arm(stop), several[1].arm()]
    ended = {id(arm): found for arm, found in Fleet(arms).fit()}
    assert str(ended[id(arms[0])]) == "after 1 epochs"
    assert ended[id(arms[1])].epochs == 3


def test_models_that_draw_at_random_are_not_trained_together():
    arms = [Prepared("initializer=mf", "initializer.unseen=unknown", f"seed={seed}").arm() for seed in (0, 1)]
    with pytest.raises(NotTogether):
        list(Fleet(arms).fit())


@pytest.mark.parametrize("option", ["dropout", "embedding_dropout"])
def test_models_with_dropout_are_trained_alone(option):
    arms = [Prepared(f"model.{option}=0.1", f"seed={seed}").arm() for seed in (0, 1)]
    with pytest.raises(NotTogether, match="its dropout draws from a generator"):
        Fleet(arms)


class Counting(DLRM):
    """A model that counts its steps, as one does whose dropout grows, and keeps an array of NumPy."""

    counts = "in Python"

    def forward(self, batch):
        if self.counts == "in Python":
            self.n_steps += 1
        elif self.counts == "in a buffer":
            self.n_steps.add_(1)
        return super().forward(batch)


def counting(counts):
    several = [Prepared(f"seed={seed}") for seed in (0, 1)]
    for one in several:
        one.model.__class__ = Counting
        one.model.counts, one.model.array = counts, np.arange(3)
        if counts == "in a buffer":
            one.model.register_buffer("n_steps", torch.zeros(()))
        else:
            one.model.n_steps = 0
    return [one.arm() for one in several]


@pytest.mark.parametrize("counts", ["in Python", "in a buffer"])
def test_models_that_count_their_steps_are_not_trained_together(counts):
    with pytest.raises(NotTogether, match="beside its weights"):
        list(Fleet(counting(counts)).fit())


def test_arrays_of_numpy_are_told_apart_by_their_values():
    assert all(not isinstance(ended, Exception) for _, ended in Fleet(counting("not at all")).fit())
    arms = counting("not at all")
    arms[0].model.array = np.arange(1, 4)
    with pytest.raises(NotTogether, match="different shapes"):
        Fleet(arms)


def test_what_cannot_be_compared_is_different():
    arms = counting("not at all")
    for arm in arms:
        arm.model.frame = pd.DataFrame({"a": [1, 2]})
    with pytest.raises(NotTogether, match="different shapes"):
        Fleet(arms)


def test_models_of_other_shapes_or_options_are_not_trained_together():
    class Scaled(DLRM):
        scale = 1.0

        def forward(self, batch):
            return self.scale * super().forward(batch)

    arms = [Prepared("seed=0").arm(), Prepared("seed=1", "embedding.dim=4").arm()]
    with pytest.raises(NotTogether, match="different shapes"):
        Fleet(arms)
    for scales in ((1.0, 2.0), (np.array([1.0, 1.0]), np.array([1.0, 2.0]))):
        scaled = [Prepared(f"seed={seed}") for seed in (0, 1)]
        for one, scale in zip(scaled, scales, strict=True):
            one.model.__class__ = Scaled
            one.model.scale = scale
        with pytest.raises(NotTogether, match="different shapes"):
            Fleet([one.arm() for one in scaled])


def test_a_limit_of_time_lazy_tables_and_decoupled_decay_are_for_arms_alone():
    for override in ("trainer.max_seconds=60", "trainer.lazy_tables=true", "trainer.weight_decay=decoupled"):
        arms = [Prepared(override, f"seed={seed}", dtype=torch.float32).arm() for seed in (0, 1)]
        with pytest.raises(NotTogether, match=override.partition("=")[0]):
            Fleet(arms)
