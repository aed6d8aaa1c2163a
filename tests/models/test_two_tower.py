"""The two-tower network: its scores, its losses, and what it starts from."""

import numpy as np
import pytest
import torch

from cadc.data.schema import Field, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.full import Full
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.errors import CadcError, UsageError
from cadc.evaluation.ranking import DotProduct, HeldOutRanking
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.models.two_tower import TwoTower
from cadc.randomness import torch_generator
from tests.helpers import small_synthetic_log

SCORERS = ("dot", "cosine", "mlp")
DIM = 4
ENRICHED = ("user", "item")


def towers_of(log, frozen=(), start=None):
    targets = RandomInitializer(std=0.5).targets(log, DIM, None, torch_generator(0, "tables"), {}) | (start or {})

    def collection(*sides):
        return EmbeddingCollection(log.schema, Full(DIM), targets, frozen, sides)

    return {"user": collection("user", "context"), "item": collection("item")}


def factors_of(log, k=3, seed=5):
    generator = torch.Generator().manual_seed(seed)
    vectors = {side: torch.randn(log.schema[side].vocabulary_size, k, generator=generator) for side in ("user", "item")}
    biases = {side: torch.randn(len(table), generator=generator) for side, table in vectors.items()}
    for table in (*vectors.values(), *biases.values()):
        table[0] = 0
    return Factors(vectors, biases)


def model_of(log, rows=None, frozen=(), factors=None, weight_seed=0, start=None, **options):
    options = {"hidden": (8,), "width": 6, "scorer_mlp": (8, 5), "compression": 3} | options
    generator = torch_generator(weight_seed, "network")
    model = TwoTower(towers_of(log, frozen, start), factors, log.schema, len(log.schema.dense), generator, **options)
    model.begin(log, log.rows("train") if rows is None else rows)
    return model


@pytest.fixture(scope="module")
def log(tmp_path_factory, session_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CADC_CACHE", str(session_cache))
        return small_synthetic_log()


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


@pytest.mark.parametrize("loss", ["softmax", "bce"])
@pytest.mark.parametrize("scorer", SCORERS)
def test_a_residual_starts_from_the_ranking_of_the_factorisation(log, scorer, loss):
    factors = factors_of(log)
    model = model_of(log, scorer=scorer, residual=True, factors=factors, loss=loss).eval()
    ranking = HeldOutRanking(log, "validation")
    with torch.no_grad():
        score = model.item_scorer(log.items(ranking.candidates))
        found = ranking.ranks(lambda users: score(log.users(users)))
    by_id = log.entities["item"].ids[ranking.candidates, 0].long()
    alone = DotProduct(factors.vectors["user"], factors.vectors["item"][by_id], factors.biases["item"][by_id])
    assert torch.equal(found, ranking.ranks(alone))
    assert model.starts_at_base
    assert not model_of(log).starts_at_base


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_residual_learns_beside_its_base_from_the_first_step(log, scorer):
    model = model_of(log, scorer=scorer, residual=True, factors=factors_of(log))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = log.gather(log.rows("train")[:200])
    before = model(batch).detach()
    for _ in range(2):
        optimizer.zero_grad()
        model.loss(batch).mean().backward()
        optimizer.step()
    assert float(model.a.grad) != 0
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.any(), name
    assert not torch.allclose(model(batch), before)


def test_a_cross_fitted_residual_trains_each_row_with_its_own_part(log):
    parts = tuple(factors_of(log, seed=seed) for seed in (5, 6, 7))
    rows = log.rows("train")[:30]
    fold = torch.arange(log.n_rows("train")) % 3
    model = model_of(log, residual=True, factors=CrossFitted(parts, fold), loss="margin", margin=100.0)
    batch = log.gather(rows)
    expected = torch.empty(30)
    for number, part in enumerate(parts):
        alone = model_of(log, residual=True, factors=part, loss="margin", margin=100.0)
        alone.spread.copy_(model.spread)
        mine = fold[rows] == number
        expected[mine] = alone.loss(batch)[mine]
    batch.fold = fold[rows]
    torch.testing.assert_close(model.loss(batch), expected)


@pytest.mark.parametrize("in_batch", ["all", 4])
def test_with_cross_fitted_tables_each_row_meets_users_and_items_of_its_own_fold(log, in_batch):
    generator = torch.Generator().manual_seed(3)
    folds = {side: torch.randn(3, log.schema[side].vocabulary_size, DIM, generator=generator) for side in ENRICHED}
    batch = log.gather(log.rows("train")[:30])
    fold = torch.arange(30) % 3
    options = {"frozen": ENRICHED, "in_batch": in_batch, "id_dot": True, "loss": "bpr"}
    expected = torch.empty(30)
    for number in range(3):
        alone = model_of(log, start={side: tables[number] for side, tables in folds.items()}, **options)
        expected[fold == number] = alone.loss(batch)[fold == number]
    batch.fold = fold
    torch.testing.assert_close(model_of(log, start=folds, **options).loss(batch), expected)


def test_scores_of_a_factorisation_are_brought_to_a_spread_of_one(log):
    factors = factors_of(log)
    small = Factors(
        {name: 0.1 * table for name, table in factors.vectors.items()},
        {name: 0.01 * bias for name, bias in factors.biases.items()},
    )
    rows = log.rows("train")[:600]
    models = [model_of(log, rows, residual=True, factors=each).eval() for each in (factors, small)]
    batch = log.gather(rows)
    assert torch.allclose(models[0](batch), models[1](batch), rtol=1e-4, atol=1e-5)
    items = log.items(torch.unique(log.entity_rows("item", rows)).long())
    spread = models[0].item_scorer(items)(batch).detach().std(1).mean()
    assert float(spread) == pytest.approx(1, rel=0.1)
    assert float(model_of(log, residual=True, factors=small, loss="bce").spread) == 1


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
        with pytest.raises(UsageError, match="this log has no field item; choose another data set"):
            TwoTower(towers_of(log), None, schema, 0, torch.Generator())
        with pytest.raises(UsageError, match="no field user and no item"):
            TwoTower(towers_of(log), None, Schema((Field("hour", "context", 3),)), 0, torch.Generator())

    def test_options_that_do_not_fit_are_refused(self, log):
        for options, sentence in (
            ({"width": 0}, "model.width is 0"),
            ({"hidden": (8, 0)}, "model.hidden is 0"),
            ({"scorer_mlp": ()}, "model.scorer_mlp is 0"),
            ({"dropout": 1.0}, "model.dropout is 1.0"),
            ({"temperature": 0.0}, "model.temperature is 0.0"),
            ({"in_batch": 0}, "set model.in_batch or model.random above 0"),
            ({"residual": True}, "model.residual needs a factorisation"),
        ):
            with pytest.raises(UsageError, match=sentence):
                model_of(log, **options)
        with pytest.raises(UsageError, match=r"does not go with model\.residual"):
            model_of(log, residual=True, id_dot=True, factors=factors_of(log))

    def test_a_loss_needs_to_know_the_training_rows(self, log):
        model = TwoTower(towers_of(log), None, log.schema, len(log.schema.dense), torch_generator(0, "network"))
        with pytest.raises(CadcError, match="call begin"):
            model.loss(log.gather(log.rows("train")[:5]))
