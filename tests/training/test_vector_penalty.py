"""The penalty on looked-up vectors: its value, whom it reaches, and what it leaves alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.batch import Bag, Batch
from cadc.data.schema import Field, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from cadc.models.model import Model
from cadc.training.objective import Objective
from cadc.training.optimizers import optimizer_of
from cadc.training.vector_penalty import MOST, VectorPenalty

DIM, N_USERS, N_ITEMS, N_TAGS = 3, 6, 5, 4
SCHEMA = Schema(
    (Field("user", "user", N_USERS), Field("item", "item", N_ITEMS), Field("tags", "item", N_TAGS, bag=True))
)


class Sum(Model):
    """The sum of all numbers that are looked up."""

    def __init__(self, frozen=()):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.targets = {
            field.name: torch.randn(field.vocabulary_size, DIM, generator=generator) for field in SCHEMA.fields
        }
        self.embeddings = EmbeddingCollection(SCHEMA, Full(dim=DIM), InitialValues(self.targets, frozen))

    def forward(self, batch):
        return self.embeddings(batch).sum((1, 2))


def batch_of(users, items, bags):
    values = [value for bag in bags for value in bag]
    starts = torch.tensor([0, *(len(bag) for bag in bags)]).cumsum(0)[:-1]
    tags = Bag(torch.tensor(values, dtype=torch.int32), starts.int())
    ids = torch.tensor([users, items], dtype=torch.int32).T.contiguous()
    return Batch(ids, {"tags": tags}, torch.empty(len(users), 0), torch.ones(len(users)))


def penalty_of(model, batch, strength, shares=None):
    penalty = VectorPenalty(model, strength, shares)
    with penalty.watching():
        model(batch)
    return penalty.added_to(torch.zeros(()))


rows = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1),
        st.integers(0, N_ITEMS - 1),
        st.lists(st.integers(0, N_TAGS - 1), max_size=3),
    ),
    min_size=1,
    max_size=12,
)
some_shares = st.lists(st.floats(1e-6, 1), min_size=N_USERS, max_size=N_USERS)


@settings(deadline=None, max_examples=60)
@given(rows, some_shares, st.sampled_from([1e-5, 0.01, 0.5, 10.0]))
def test_it_is_the_sum_over_rows_and_fields_that_its_formula_names(rows, shares, strength):
    users, items, bags = zip(*rows, strict=True)
    model = Sum()
    by_field = {name: torch.tensor(shares[:n]) for name, n in (("user", N_USERS), ("item", N_ITEMS), ("tags", N_TAGS))}
    weight = {name: [min(strength / float(p), MOST) for p in values] for name, values in by_field.items()}
    table = {name: values.double() for name, values in model.targets.items()}
    expected = 0.0
    for user, item, bag in rows:
        expected += weight["user"][user] * float(table["user"][user] @ table["user"][user])
        expected += weight["item"][item] * float(table["item"][item] @ table["item"][item])
        if bag:
            mean = table["tags"][bag].mean(0)
            expected += sum(weight["tags"][tag] for tag in bag) / len(bag) * float(mean @ mean)
    found = penalty_of(model, batch_of(users, items, bags), strength, by_field)
    assert float(found.detach()) == pytest.approx(expected / 2 / len(rows), rel=1e-4)


@settings(deadline=None, max_examples=30)
@given(rows, some_shares)
def test_its_gradient_is_that_of_the_formula(rows, shares):
    model = Sum().double()
    batch = batch_of(*zip(*rows, strict=True))
    by_field = {name: torch.tensor(shares[:n]) for name, n in (("user", N_USERS), ("item", N_ITEMS), ("tags", N_TAGS))}
    penalty_of(model, batch, 0.1, by_field).backward()
    weight = model.embeddings.tables[0].weight
    naive = weight.detach().clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    first = {"user": 0, "item": N_USERS, "tags": N_USERS + N_ITEMS}
    for user, item, bag in rows:
        for name, ids in (("user", [user]), ("item", [item]), ("tags", bag)):
            if ids:
                mean = naive[[first[name] + value for value in ids]].mean(0)
                strengths = [min(float(0.1 / by_field[name][value]), MOST) for value in ids]
                total = total + sum(strengths) / len(ids) * mean.square().sum()
    (total / 2 / len(rows)).backward()
    torch.testing.assert_close(weight.grad, naive.grad, rtol=1e-6, atol=1e-6)


def test_without_counts_the_shares_are_those_of_the_batch():
    model, batch = Sum(), batch_of([1, 1, 1, 2], [0, 1, 1, 2], [[0], [1, 2], [], [1]])
    shares = {
        "user": torch.tensor([0, 3, 1, 0, 0, 0]) / 4,
        "item": torch.tensor([1, 2, 1, 0, 0]) / 4,
        "tags": torch.tensor([1, 2, 1, 0]) / 4,
    }
    assert torch.equal(penalty_of(model, batch, 0.1), penalty_of(model, batch, 0.1, shares))


def test_over_all_rows_a_table_row_bears_the_l2_penalty_and_a_rare_one_in_proportion_to_its_rows():
    n_rows, strength = 1000, 0.01
    users = [0] * 500 + [1] * 499 + [2]  # λ / MOST of the rows would be one and a quarter
    shares = {"user": torch.bincount(torch.tensor(users), minlength=N_USERS) / n_rows}
    shares |= {"item": torch.eye(N_ITEMS)[0], "tags": torch.zeros(N_TAGS)}
    model = Sum()
    penalty_of(model, batch_of(users, [0] * n_rows, [[]] * n_rows), strength, shares).backward()
    gradient = model.embeddings.tables[0].weight.grad
    torch.testing.assert_close(gradient[:2], strength * model.targets["user"][:2])
    torch.testing.assert_close(gradient[2], MOST / n_rows * model.targets["user"][2])
    assert not gradient[3:N_USERS].any()


@pytest.mark.parametrize("lazy", [False, True])
def test_rows_that_no_batch_holds_stay_as_they_start_whatever_the_optimiser(lazy):
    model = Sum()
    objective = Objective(model, weight_decay_tables=0.5)
    optimizer = optimizer_of(model, 0.01, weight_decay_mlp=0.5, lazy_tables=lazy)
    for users in ([0, 1, 1], [1, 0, 0]):
        optimizer.zero_grad()
        objective.penalised(objective.mean_loss(batch_of(users, [0, 0, 1], [[1], [], [1, 1]]))).backward()
        optimizer.step()
    users, items, tags = model.embeddings.tables[0].weight.detach().split([N_USERS, N_ITEMS, N_TAGS])
    for found, name, met in ((users, "user", [0, 1]), (items, "item", [0, 1]), (tags, "tags", [1])):
        moved = (found != model.targets[name]).all(1)
        assert moved.nonzero().flatten().tolist() == met, name


def test_lazy_adam_is_adam_without_momentum_of_the_tables():
    found = []
    for lazy in (False, True):
        model = Sum()
        objective = Objective(model, weight_decay_tables=0.1)
        optimizer = optimizer_of(model, 0.01, weight_decay_mlp=0.0, lazy_tables=lazy)
        if not lazy:
            optimizer.betas = (0.0, 0.999)
        for shift in range(4):
            batch = batch_of([shift, shift, 1], [0, shift, 1], [[shift % N_TAGS], [], [0, 0]])
            optimizer.zero_grad()
            objective.penalised(objective.mean_loss(batch)).backward()
            optimizer.step()
        found.append(model.embeddings.tables[0].weight.detach().clone())
    torch.testing.assert_close(*found)


def test_frozen_tables_bear_nothing_and_no_hook_is_left_behind():
    frozen = Sum(frozen=tuple(field.name for field in SCHEMA.fields))
    batch = batch_of([1], [2], [[0]])
    assert float(penalty_of(frozen, batch, 0.1)) == 0
    part = Sum(frozen=("user",))
    penalty_of(part, batch, 0.1).backward()
    assert not part.embeddings._forward_hooks
    of_users, of_items = (next(t for t in part.embeddings.tables if name in t.names) for name in ("user", "item"))
    assert of_users.weight.grad is None
    assert of_items.weight.grad.any()


def test_an_error_in_the_model_leaves_no_hook_behind():
    model, penalty = Sum(), VectorPenalty(Sum(), 0.1)
    with pytest.raises(ZeroDivisionError), penalty.watching():
        1 / 0  # noqa: B018
    assert not model.embeddings._forward_hooks
