"""Decay beside the gradients: that of torch's AdamW for weights and for tables, borne by rows that are looked up."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from cadc.adam import STEPS_BETWEEN, Adam
from cadc.data.batch import Batch
from cadc.data.schema import Field, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from cadc.embeddings.schemes.hashing import Hashing
from cadc.models.model import Model
from cadc.training.decoupled_decay import DecoupledDecay
from cadc.training.lazy_adam import LazyAdam
from cadc.training.objective import Objective
from cadc.training.optimizers import optimizer_of
from cadc.training.vector_penalty import MOST

N_USERS, N_ITEMS, DIM = 4, 3, 2
SCHEMA = Schema((Field("user", "user", N_USERS), Field("item", "item", N_ITEMS)))


class Products(Model):
    """A weighted product of two vectors."""

    def __init__(self, scheme=None, frozen=()):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        targets = {field.name: torch.randn(field.vocabulary_size, DIM, generator=generator) for field in SCHEMA.fields}
        self.embeddings = EmbeddingCollection(SCHEMA, scheme or Full(dim=DIM), InitialValues(targets, frozen))
        self.scales = nn.Parameter(torch.ones(DIM))

    def forward(self, batch):
        vectors = self.embeddings(batch)
        return (vectors.prod(1) * self.scales).sum(1)


def batch_of(users, items):
    ids = torch.tensor([users, items], dtype=torch.int32).T.contiguous()
    return Batch(ids, {}, torch.empty(len(users), 0), torch.tensor([float(user % 2) for user in users]))


def train(model, batches, strength, lazy=False, learning_rate=0.1, betas=None, shares=None):
    """Take steps as a fit does."""
    objective = Objective(model, strength, shares)
    optimizer = optimizer_of(model, learning_rate, 0.2, lazy, "decoupled")
    if betas is not None:
        optimizer.betas = betas
    decay = DecoupledDecay(model, objective.vectors)
    for batch in batches:
        loss = objective.mean_loss(batch)
        optimizer.zero_grad()
        decay.note(loss)
        loss.backward()
        decay.step(learning_rate)
        optimizer.step()
    return model


EVEN = batch_of([0, 1, 2, 3] * 3, [0, 1, 2] * 4)
"""Each value as often as its share says."""


def test_where_every_row_is_looked_up_tables_decay_as_in_adamw():
    own, reference = Products(), Products()
    train(own, [EVEN] * 7, strength=0.3)
    groups = [
        {"params": reference.embeddings.parameters(), "weight_decay": 0.3},
        {"params": [reference.scales], "weight_decay": 0.2},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.1)
    for _ in range(7):
        optimizer.zero_grad()
        reference.loss(EVEN).mean().backward()
        optimizer.step()
    for (name, found), expected in zip(own.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(found, expected, msg=name)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_row_shrinks_by_its_share_of_the_batch_and_rests_otherwise(lazy):
    shares = {"user": torch.tensor([0.5, 1e-6, 0.2, 0.3]), "item": torch.full((N_ITEMS,), 1 / N_ITEMS)}
    model, plain = (Products() for _ in range(2))
    batch = batch_of([0, 0, 0, 1], [0, 0, 1, 1])
    train(model, [batch], strength=0.1, lazy=lazy, shares=shares)
    train(plain, [batch], strength=0.0, lazy=lazy)
    start = Products().embeddings.tables[0].weight.detach()
    moved = (model.embeddings.tables[0].weight - plain.embeddings.tables[0].weight).detach()
    weights = torch.tensor([0.75 * 0.1 / 0.5, 0.25 * MOST, 0, 0, 0.5 * 0.3, 0.5 * 0.3, 0])
    torch.testing.assert_close(moved, -0.1 * weights.unsqueeze(1) * start)


def test_rows_of_sparse_gradients_take_the_same_steps():
    batches = [batch_of([user, user, 1], [0, user % N_ITEMS, 2]) for user in (0, 2, 3, 0)]
    models = [Products(), Products()]
    for model in models:
        model.scales.requires_grad_(False)  # they have momentum in both
    dense = train(models[0], batches, 0.1, betas=(0.0, 0.999))
    lazy = train(models[1], batches, 0.1, lazy=True)
    torch.testing.assert_close(dense.embeddings.tables[0].weight, lazy.embeddings.tables[0].weight)


def test_a_compressed_table_takes_the_gradient_of_its_vectors_penalty():
    model = Products(Hashing(dim=DIM, budget=330, small=0))
    start = deepcopy(model)
    penalty = 0.5 * 0.1 * sum(table.square().sum() for table in start.embeddings.dense_tables(SCHEMA).values())
    weights = list(start.embeddings.parameters())
    expected = torch.autograd.grad(_penalty(start, 0.1), weights)
    assert float(penalty) == pytest.approx(float(_penalty(start, 0.1).detach()), rel=1e-5)
    objective = Objective(model, 0.1)
    decay = DecoupledDecay(model, objective.vectors)
    decay.note(objective.mean_loss(EVEN))
    decay.step(0.5)
    for found, weight, gradient in zip(model.embeddings.parameters(), weights, expected, strict=True):
        torch.testing.assert_close(found, weight - 0.5 * gradient)


def _penalty(model, strength):
    """The penalty of all vectors, each once."""
    users, items = torch.meshgrid(torch.arange(N_USERS), torch.arange(N_ITEMS), indexing="ij")
    vectors = model.embeddings(batch_of(users.flatten().tolist(), items.flatten().tolist()))
    return 0.5 * strength * (vectors[:, 0].square().sum() / N_ITEMS + vectors[:, 1].square().sum() / N_USERS)


def test_frozen_tables_do_not_shrink():
    model = Products(frozen=("user", "item"))
    start = deepcopy(model.embeddings.state_dict())
    train(model, [EVEN], 0.5)
    assert all(torch.equal(value, start[name]) for name, value in model.embeddings.state_dict().items())


@pytest.mark.parametrize(
    ("kind", "options"),
    [(Adam, {"decoupled": True}), (LazyAdam, {"decoupled_weight_decay": True, "fused": True})],
    ids=["dense", "lazy"],
)
def test_steps_of_weights_are_those_of_adamw_bit_for_bit(kind, options):
    found = []
    for own in (kind, torch.optim.AdamW):
        generator = torch.Generator().manual_seed(0)
        weight = nn.Parameter(torch.randn(5, 3, generator=generator))
        chosen = options if own is kind else {"fused": True}
        optimizer = own([{"params": [weight], "weight_decay": 0.3}], lr=0.01, **chosen)
        for _ in range(STEPS_BETWEEN + 1):
            optimizer.zero_grad()
            (weight * torch.randn(5, 3, generator=generator)).sum().backward()
            optimizer.step()
        found.append(weight.detach())
    assert torch.equal(*found)
