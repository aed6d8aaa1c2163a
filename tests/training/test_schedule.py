"""The learning rate of each step beside torch's own schedulers, and what a schedule does to patience."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning.plugins import Precision
from torch import nn

from cadc import RecommenderModule
from cadc.data.batches import BatchLoader
from cadc.errors import UsageError
from cadc.models.model import Model
from cadc.training.fit import Fit
from cadc.training.schedule import Schedule


class Linear(Model):
    """Logistic regression on the ids of users, taken for a number."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        with torch.no_grad():
            self.layer.weight.fill_(0.5)
            self.layer.bias.zero_()

    def forward(self, batch):
        return self.layer(batch.ids[:, :2].float() / 100).squeeze(1)


def rates_of(scheduler_of, n_steps):
    """Learning rates of the steps of an optimiser of torch whose rate is 1 without its scheduler."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = scheduler_of(optimizer), []
    for _ in range(n_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def shares(n_steps, *options):
    schedule = Schedule(*options)
    return [schedule.share(step, n_steps) for step in range(n_steps)]


@given(st.integers(1, 60), st.floats(0, 1))
def test_a_cosine_and_a_line_are_those_of_torch(n_steps, final):
    schedulers = torch.optim.lr_scheduler
    cosine = rates_of(lambda of: schedulers.CosineAnnealingLR(of, n_steps, eta_min=final), n_steps)
    assert shares(n_steps, "cosine", 0.0, final) == pytest.approx(cosine, abs=1e-9)
    line = rates_of(lambda of: schedulers.LinearLR(of, 1.0, final, n_steps), n_steps)
    assert shares(n_steps, "linear", 0.0, final) == pytest.approx(line, abs=1e-9)
    assert shares(n_steps) == [1.0] * n_steps


@given(st.integers(2, 60), st.floats(0.1, 0.9))
def test_a_warm_up_is_that_of_torch_and_the_rest_follows_it(n_steps, share):
    n_rising, schedulers = round(share * n_steps), torch.optim.lr_scheduler
    found = shares(n_steps, "cosine", share)
    if n_rising:
        rising = rates_of(lambda of: schedulers.LinearLR(of, 1 / (n_rising + 1), 1.0, n_rising), n_rising)
        assert found[:n_rising] == pytest.approx(rising, abs=1e-9)
    assert found[n_rising:] == pytest.approx(shares(n_steps - n_rising, "cosine"), abs=1e-9)


def by_torch(log, optimizer_of, n_epochs, batch_size):
    """Mean training loss of each epoch with an optimiser and a cosine of torch."""
    model, found = Linear(), []
    optimizer = optimizer_of([{"params": [model.layer.weight, model.layer.bias]}])
    loader = BatchLoader(log, log.rows("train"), batch_size, torch.Generator().manual_seed(0))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs * len(loader), eta_min=0.1 * 0.05)
    for _ in range(n_epochs):
        losses = []
        for batch in loader:
            loss = nn.functional.binary_cross_entropy_with_logits(model(batch), batch.label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(float(loss.detach()))
        found.append(sum(losses) / len(losses))
    return found


@pytest.mark.parametrize(
    ("weight_decay", "reference"), [("coupled", torch.optim.Adam), ("decoupled", torch.optim.AdamW)]
)
def test_a_fit_takes_the_steps_of_torch(log, weight_decay, reference):
    fitting = Fit(
        learning_rate=0.05,
        weight_decay_mlp=0.5,
        weight_decay=weight_decay,
        batch_size=1000,
        max_epochs=4,
        schedule="cosine",
        final_rate=0.1,
        patience=None,
    )
    result = fitting(Linear(), log, log.rows("train"), torch.Generator().manual_seed(0))
    expected = by_torch(log, lambda groups: reference(groups, lr=0.05, weight_decay=0.5, fused=True), 4, 1000)
    assert [row["train/loss"] for row in result.history] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("n_rows", "least_steps", "expected"),
    [
        (100, 600, 256),
        (80_000, 0, 1024),
        (80_000, 600, 256),
        (800_000, 0, 4096),
        (800_000, 600, 1024),
        (10**7, 600, 4096),
    ],
)
def test_the_automatic_batch_is_halved_for_the_sake_of_steps(n_rows, least_steps, expected):
    assert Fit(least_steps=least_steps).rows_per_step(n_rows) == expected
    assert Fit(least_steps=least_steps, batch_size=100).rows_per_step(n_rows) == 100


def test_without_patience_all_epochs_are_trained_and_the_best_is_kept(log):
    options = {"learning_rate": 1.0, "batch_size": 500, "max_epochs": 6}
    rows, shuffle = log.rows("train"), torch.Generator()
    short = Fit(**options, patience=1)(Linear(), log, rows, shuffle.manual_seed(0))
    assert short.epochs < 6
    full = Fit(**options, patience=None)(Linear(), log, rows, shuffle.manual_seed(0))
    assert full.epochs == 6
    best = min(full.history, key=lambda row: row["val/logloss"])
    assert (full.best_epoch, full.validation["logloss"]) == (best["epoch"], best["val/logloss"])


def test_a_module_has_the_rates_of_the_schedule_over_the_steps_of_its_trainer():
    module = RecommenderModule(Linear(), learning_rate=0.1, schedule="linear", warm_up=0.2)

    class Steps:
        estimated_stepping_batches = 20
        precision_plugin = Precision()

    module.trainer = None
    module._trainer = Steps()
    found = module.configure_optimizers()
    optimizer, scheduler, rates = found["optimizer"], found["lr_scheduler"]["scheduler"], []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert found["lr_scheduler"]["interval"] == "step"
    assert rates == pytest.approx([0.1 * share for share in shares(20, "linear", 0.2)])
    Steps.estimated_stepping_batches = float("inf")
    with pytest.raises(UsageError, match="give it max_epochs"):
        module.configure_optimizers()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"warm_up": 1.0}, r"trainer\.warm_up is 1\.0; expected a share"),
        ({"final_rate": 1.5}, r"trainer\.final_rate is 1\.5; expected a share"),
        ({"averaging_epochs": 0.0}, r"trainer\.averaging_epochs"),
        ({"patience": 0}, r"trainer\.patience"),
    ],
)
def test_shares_out_of_range_are_refused(option, said):
    with pytest.raises(UsageError, match=said):
        Fit(**option)
