"""The two-tower network: its scores, its losses, what is trained, and what is refused."""

import numpy as np
import pytest
import torch

from cadc.data.schema import Field, Schema
from cadc.errors import CadcError, UsageError
from cadc.models.ranking.two_tower import TwoTower
from cadc.randomness import torch_generator
from tests.models.ranking.two_towers import SCORERS, factors_of, model_of, towers_of


def naive_tower(tower, values):
    for layer in tower:
        if isinstance(layer, torch.nn.Linear):
            values = layer.weight.detach().double().numpy() @ values + layer.bias.detach().double().numpy()
        else:
            values = torch.nn.functional.gelu(torch.from_numpy(values)).numpy()
    return values


@pytest.mark.parametrize("scorer", SCORERS)
def test_score_of_a_row_equals_a_naive_computation(log, scorer):
    model = model_of(log, scorer=scorer, id_dot=True)
    batch = log.gather(log.rows("test")[:6])
    found = model(batch).tolist()
    outputs = {}
    for side, tables in model.embeddings.items():
        vectors = tables(batch).detach().double().numpy()
        outputs[side] = [row.reshape(-1) for row in vectors]
        if side == "user":
            dense = batch.dense.double().numpy() @ model.dense.linear.weight.detach().double().numpy().T
            dense += model.dense.linear.bias.detach().double().numpy()
            outputs[side] = [np.concatenate([row, extra]) for row, extra in zip(outputs[side], dense, strict=True)]
        outputs[side] = [naive_tower(model.towers[side], row) for row in outputs[side]]
        place = tables.field_names.index(side)
        outputs[side] = list(zip(outputs[side], vectors[:, place], strict=True))
    for row, ((u, id_u), (v, id_v)) in enumerate(zip(outputs["user"], outputs["item"], strict=True)):
        if scorer == "dot":
            score = u @ v
        elif scorer == "cosine":
            score = u @ v / np.linalg.norm(u) / np.linalg.norm(v) / 0.1
        else:
            compressed = [
                layer.weight.detach().double().numpy() @ x + layer.bias.detach().double().numpy()
                for layer, x in ((model.scorer.compress_user, u), (model.scorer.compress_item, v))
            ]
            layers = [model.scorer.first, torch.nn.GELU(), model.scorer.upper[0], torch.nn.GELU()]
            score = naive_tower([*layers, model.scorer.upper[1]], np.concatenate(compressed))[0]
        assert found[row] == pytest.approx(score + id_u @ id_v, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("scorer", SCORERS)
def test_scores_of_all_items_equal_those_of_pairs(log, scorer, residual):
    model = model_of(log, scorer=scorer, id_dot=not residual, residual=residual, factors=factors_of(log)).eval()
    moved(model)
    items = log.items(torch.arange(log.n_entities("item")))
    users = torch.tensor([1, 5, 7, 0])
    found = model.item_scorer(items)(log.users(users))
    for row, user in enumerate(users):
        pairs = log.join(
            {"user": user.expand(len(items)), "item": torch.arange(len(items))},
            torch.zeros(len(items), 1, dtype=torch.int32),
            torch.zeros(len(items), len(log.schema.dense)),
            torch.zeros(len(items)),
        )
        torch.testing.assert_close(found[row], model(pairs), rtol=1e-4, atol=1e-5)


def moved(model):
    """Move all weights a little, as training would."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight) * weight.requires_grad


@pytest.mark.parametrize("loss", ["softmax", "bpr", "margin", "bce"])
@pytest.mark.parametrize("negatives", [("all", 0), ("all", 9), (3, 4)])
@pytest.mark.parametrize("scorer", SCORERS)
def test_loss_of_a_batch_equals_a_loop_over_rows(log, scorer, negatives, loss):
    in_batch, random = negatives
    rows = log.rows("train")[:500]
    model = model_of(log, rows, scorer=scorer, loss=loss, in_batch=in_batch, random=random, margin=0.5)
    batch = log.gather(rows[:12])
    torch.manual_seed(3)
    found = model.loss(batch)

    sample = log.entity_rows("item", rows).tolist()
    catalogue = sorted(set(sample))
    torch.manual_seed(3)
    shape = (random,) if in_batch == "all" else (12, random)
    drawn = torch.tensor(catalogue)[torch.randint(len(catalogue), shape)].expand(12, -1).tolist()
    own = log.entity_rows("item", rows[:12]).tolist()
    n_others = 11 if in_batch == "all" else in_batch
    scores = model.item_scorer(log.items(torch.arange(log.n_entities("item"))))(batch).detach()

    def log_q(item):
        return np.log(n_others * sample.count(item) / len(sample) + random / len(catalogue))

    for row in range(12):
        others = [own[(row + step) % 12] for step in range(1, n_others + 1)] + drawn[row]
        others = [item for item in others if item != own[row]]
        mine, theirs = scores[row, own[row]].item(), scores[row, others].double()
        label = batch.label[row].item()
        if loss == "softmax":
            lifted = np.exp(
                [s - log_q(item) for s, item in zip([mine, *theirs.tolist()], [own[row], *others], strict=True)]
            )
            expected = -np.log(lifted[0] / lifted.sum()) * label
        elif loss == "bpr":
            expected = -(mine - theirs).sigmoid().log().mean().item() * label
        elif loss == "margin":
            expected = (0.5 - mine + theirs).clamp(min=0).mean().item() * label
        else:
            chance = 1 / (1 + np.exp(-mine))
            expected = -np.log(chance if label else 1 - chance) - label * (1 - theirs.sigmoid()).log().mean().item()
        assert found[row].item() == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_rows_with_label_0_are_no_positives(log):
    rows = log.rows("train")[:200]
    batch = log.gather(rows)
    for loss in ("softmax", "bpr", "margin"):
        losses = model_of(log, loss=loss).loss(batch)
        assert (losses[batch.label == 0] == 0).all()
        assert (losses[batch.label == 1] > 0).any()


def test_frozen_tables_are_not_trained_and_the_rest_is(log):
    model = model_of(log, frozen=("user", "item"), layer_norm=True)
    model.loss(log.gather(log.rows("train")[:200])).mean().backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is not None and bool(weight.grad.any())) == weight.requires_grad, name
    assert any(not weight.requires_grad for weight in model.embeddings.parameters())


def test_initial_weights_follow_their_generator_and_draws_the_global_one(log):
    torch.manual_seed(1)
    one, batch = model_of(log, random=20), log.gather(log.rows("train")[:50])
    torch.manual_seed(2)
    two, other = model_of(log, random=20), model_of(log, weight_seed=1)
    assert all(torch.equal(one.state_dict()[name], value) for name, value in two.state_dict().items())
    changed = {name for name, value in other.state_dict().items() if not torch.equal(one.state_dict()[name], value)}
    assert changed == {name for name in one.state_dict() if name.startswith(("towers", "dense"))}
    losses = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        losses.append(one.loss(batch))
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


def test_dropout_is_for_training_alone(log):
    model, batch = model_of(log, dropout=0.5), log.gather(log.rows("train")[:50])
    assert not torch.equal(model(batch), model(batch))
    model.eval()
    assert torch.equal(model(batch), model(batch))


class TestOfBadInput:
    def test_a_log_without_items_is_refused(self, log):
        schema = Schema((Field("user", "user", 5), Field("hour", "context", 3)))
        with pytest.raises(UsageError, match=r"this log lacks item; .*model=dlrm"):
            TwoTower(towers_of(log), None, schema, 0, torch.Generator())
        with pytest.raises(UsageError, match="lacks user and item"):
            TwoTower(towers_of(log), None, Schema((Field("hour", "context", 3),)), 0, torch.Generator())

    def test_options_that_do_not_fit_are_refused(self, log):
        for options, sentence in (
            ({"width": 0}, "model.width is 0"),
            ({"hidden": (8, 0)}, "model.hidden is 0"),
            ({"scorer_mlp": ()}, "model.scorer_mlp is 0"),
            ({"dropout": 1.0}, "model.dropout is 1.0"),
            ({"temperature": 0.0}, "model.temperature is 0.0"),
            ({"in_batch": 0}, "set model.in_batch, model.random or model.passed_over above 0"),
            ({"residual": True}, "model.residual=true needs factors"),
        ):
            with pytest.raises(UsageError, match=sentence):
                model_of(log, **options)
        with pytest.raises(UsageError, match=r"model\.id_dot and model\.residual"):
            model_of(log, residual=True, id_dot=True, factors=factors_of(log))

    def test_a_loss_needs_to_know_the_training_rows(self, log):
        model = TwoTower(towers_of(log), None, log.schema, len(log.schema.dense), torch_generator(0, "network"))
        with pytest.raises(CadcError, match="call begin"):
            model.loss(log.gather(log.rows("train")[:5]))
