"""Networks on views: where they start, what they read, and what they learn that the stack does not."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.models import DCN, DLRM, DeepFM
from cadc.models.on_views import ViewBase, ViewNetwork
from cadc.models.on_views.mlp_ensemble import MLPEnsemble
from cadc.models.stack.stack import Stack
from cadc.randomness import torch_generator
from cadc.testing.logs import log_with, small_log
from cadc.testing.view import made_up_views
from cadc.training.fit import Fit
from cadc.training.trained_state import load_trained, trained_state
from tests.models.click_networks import model_of


@pytest.fixture(scope="module")
def log():
    return small_log()


def on_views(log, seed=0, n_numbers=2, **options):
    generator = torch_generator(seed, "network")
    return ViewNetwork(made_up_views(log, n_numbers), len(log.schema.dense), generator, **options)


def fitted(model, log):
    model.fit_sample(log, log.rows("train"))
    return model.eval()


@pytest.mark.parametrize(
    "make",
    [
        on_views,
        lambda log: model_of(log, DLRM, views=made_up_views(log), linear=True, interaction="both"),
        lambda log: model_of(log, DeepFM, views=made_up_views(log)),
        lambda log: model_of(log, DCN, views=made_up_views(log)),
    ],
    ids=["view_network", "dlrm", "deepfm", "dcn"],
)
def test_training_starts_at_the_stack(log, make):
    model, stack = fitted(make(log), log), fitted(Stack(made_up_views(log), "ctr"), log)
    batch = log.gather(log.rows("test"))
    torch.testing.assert_close(model(batch), stack(batch).float())
    assert stack(batch).std() > 0.01
    assert model.starts_at_base


def test_a_residual_has_one_base(log):
    with pytest.raises(ValueError, match="choose one"):
        model_of(log, DLRM, views=made_up_views(log), residual=True)


def test_numbers_are_standardised_over_the_sample_and_cut_off(log):
    base = ViewBase(made_up_views(log, 3))
    rows = log.rows("train")[::3]
    base.fit_sample(log, rows)
    batch = log.gather(rows)
    numbers = base.stack.views(batch).double().numpy()
    expected = ((numbers - numbers.mean(0)) / numbers.std(0)).clip(-4, 4)
    np.testing.assert_allclose(base.dense(batch), expected, atol=1e-5)


def test_a_number_that_never_changes_in_the_sample_is_not_read(log):
    views = made_up_views(log)
    for name in ("user", "item"):
        views.arrays("random")[name][:, 1] = 3.0
        views.arrays("random")[name][0, 1] = 1000.0
    base = ViewBase(views)
    base.fit_sample(log, log.rows("train"))
    unknown = log.gather(log.rows("test")[:5])
    unknown.ids.zero_()
    assert torch.equal(base.dense(unknown)[:, 1], torch.zeros(5))
    assert base.slope[0] > 0


def test_an_ensemble_is_its_members_one_by_one():
    ensemble = MLPEnsemble((3, 8, 5, 1), 4, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(ensemble.weights[-1])
    inputs = torch.randn(6, 3)
    found = ensemble(inputs)
    assert found.shape == (4, 6, 1)
    for member in range(4):
        values = inputs.double().numpy()
        for number, (weight, bias) in enumerate(zip(ensemble.weights, ensemble.biases, strict=True)):
            values = values @ weight[member].detach().double().numpy() + bias[member].detach().double().numpy()
            values = values if number == 2 else np.maximum(values, 0)
        np.testing.assert_allclose(found[member].detach(), values, rtol=1e-4, atol=1e-5)


def test_members_are_trained_each_for_itself_and_serve_as_their_mean(log):
    model = fitted(on_views(log, members=3, dropout=0.0), log)
    torch.nn.init.normal_(model.members.weights[-1])
    batch = log.gather(log.rows("train")[:50])
    model.loss(batch).sum().backward()
    together = model.members.weights[0].grad.clone()
    logits = []
    for member in range(3):
        alone = fitted(on_views(log, members=1, dropout=0.0), log)
        for own, of_all in zip(alone.members.parameters(), model.members.parameters(), strict=True):
            own.data.copy_(of_all[member : member + 1])
        found = alone(batch)
        binary_cross_entropy_with_logits(found, batch.label, reduction="sum").backward()
        torch.testing.assert_close(together[member], alone.members.weights[0].grad[0] / 3)
        logits.append(found.detach())
    torch.testing.assert_close(model(batch).detach(), torch.stack(logits).mean(0))


def test_what_a_number_is_worth_beside_another_is_learned(log, tmp_path):
    both = made_up_views(log)(log.gather(torch.arange(6000))).double().numpy()
    probability = 1 / (1 + np.exp(-2 * both[:, 0] * both[:, 1]))
    made = log_with(log, tmp_path / "log", label=np.random.default_rng(0).random(6000) < probability)
    model = on_views(made)
    model.fit_sample(made, made.rows("train"))
    fit = Fit(learning_rate=0.01, max_epochs=6, patience=None)
    result = fit(model, made, made.rows("train"), torch.Generator().manual_seed(0))
    start = fitted(Stack(made_up_views(made), "ctr"), made)
    batch = made.gather(made.rows("test"))
    with torch.no_grad():
        learned, linear = (binary_cross_entropy_with_logits(own(batch).float(), batch.label) for own in (model, start))
    assert linear > 0.65
    assert learned < linear - 0.1
    assert result.best_epoch > 0


def test_the_state_kept_of_an_epoch_leaves_out_what_views_have_fitted(log):
    model = fitted(on_views(log), log)
    state = trained_state(model)
    assert any(name.startswith("view_base.stack.views.") for name in model.state_dict())
    assert not any(".views." in name for name in state)
    assert {"view_base.stack.weights", "view_base.mean", "members.weights.0"} <= set(state)
    other = on_views(log, seed=1)
    load_trained(other, state)
    batch = log.gather(log.rows("test"))
    assert torch.equal(other.eval()(batch), model(batch))
    del state["members.weights.0"]
    with pytest.raises(RuntimeError, match=r"members\.weights\.0"):
        load_trained(other, state)
