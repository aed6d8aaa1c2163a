"""Matrix factorisation by gradient: scores and losses equal a loop over rows."""

import numpy as np
import pytest
import torch

from cadc.data.schema import Field, Schema
from cadc.errors import CadcError, UsageError
from cadc.models.dot_product.lightgcn import LightGCN
from cadc.models.dot_product.matrix_factorization import MatrixFactorization
from tests.models.dot_product.dot_products import model_of, weights_of

MODELS = [MatrixFactorization, LightGCN]


def moved(model):
    """Move the biases, which start at 0."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "linear" in name or name == "constant":
                weight.normal_(generator=torch.Generator().manual_seed(2))
    return model


def biases_of(model, log):
    return {name: weights.detach() for name, weights in model.linear_terms.weights(log.schema).items()}


def test_the_logit_of_a_row_is_the_product_and_the_biases_of_its_ids(log):
    model = moved(model_of(MatrixFactorization, log, "ctr"))
    rows = log.rows("test")[:9]
    users, items = (log.field_ids(name, rows).tolist() for name in ("user", "item"))
    of_users, of_items = (weight.detach().double().numpy() for weight in weights_of(model))
    biases = biases_of(model, log)
    for logit, user, item in zip(model(log.gather(rows)).tolist(), users, items, strict=True):
        expected = of_users[user] @ of_items[item] + float(biases["user"][user] + biases["item"][item])
        assert logit == pytest.approx(expected + float(model.constant.detach()), rel=1e-4, abs=1e-5)


def test_the_loss_of_ranking_is_that_of_pairs_of_a_row_and_random_items(log):
    rows = log.rows("train")[:300]
    model = moved(model_of(MatrixFactorization, log, "ranking", rows, negatives=3))
    batch = log.gather(rows[:10])
    torch.manual_seed(4)
    found = model.loss(batch).tolist()
    torch.manual_seed(4)
    catalogue = sorted(set(log.field_ids("item", rows).tolist()))
    drawn = torch.tensor(catalogue)[torch.randint(len(catalogue), (10, 3))].tolist()
    of_users, of_items = (weight.detach().double() for weight in weights_of(model))
    bias = biases_of(model, log)["item"].double()
    for row, (user, item) in enumerate(
        zip(*(log.field_ids(name, rows[:10]).tolist() for name in ("user", "item")), strict=True)
    ):
        score = of_users[user] @ of_items.T + bias
        others = [other for other in drawn[row] if other != item]
        losses = [np.log1p(np.exp(float(score[other] - score[item]))) for other in others]
        expected = np.mean(losses) * float(batch.label[row]) if losses else 0.0
        assert found[row] == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("cls", MODELS)
def test_to_rank_items_users_have_no_bias(cls, log):
    model = model_of(cls, log, "ranking", biases=True)
    assert set(biases_of(model, log)) == {"item"} and model.constant is None
    counted = {side: cls.numbers_beside({"biases": True}, side, "ranking") for side in ("user", "item")}
    assert counted == {"user": 0, "item": 1}


@pytest.mark.parametrize("cls", MODELS)
def test_training_lowers_the_loss_and_beats_the_popularity_of_items(cls, log):
    model = model_of(cls, log, "ranking").train()
    rows = log.rows("train")
    positives = rows[log.labels(rows) > 0][::3]
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        loss = model.loss(log.gather(positives)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    popular = torch.bincount(log.field_ids("item", positives).long(), minlength=log.n_entities("item")).float()
    users, items = (log.field_ids(name, positives).long() for name in ("user", "item"))
    with torch.no_grad():
        scores = model.eval().item_scorer(log.items(torch.arange(log.n_entities("item"))))(log.users(users))

    def mean_place(found):
        return float((found > found.gather(1, items[:, None])).float().mean())

    assert losses[-1] < 0.85 * losses[0]
    assert mean_place(scores) < 0.9 * mean_place(popular.expand(len(users), -1))


@pytest.mark.parametrize("cls", MODELS)
class TestOfBadInput:
    def test_a_log_without_items_is_refused(self, cls):
        with pytest.raises(UsageError, match=r"this log lacks item; choose another data set"):
            cls.require_fields(Schema((Field("user", "user", 5),)))

    def test_options_out_of_range_are_refused(self, cls, log):
        with pytest.raises(UsageError, match=r"model\.negatives is 0"):
            model_of(cls, log, negatives=0)

    def test_a_loss_needs_to_know_the_training_rows(self, cls, log):
        model = model_of(cls, log)
        model.log = None
        with pytest.raises(CadcError, match="call begin"):
            model.loss(log.gather(log.rows("train")[:5]))
