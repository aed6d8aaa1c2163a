"""LightGCN and its graph: vectors, gradients and edges equal those of a dense matrix."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.embeddings.base.serving_state import load_stored, stored_state
from cadc.models.dot_product.interaction_graph import InteractionGraph
from cadc.models.dot_product.lightgcn import LightGCN
from cadc.training.objective import Objective
from tests.models.dot_product.dot_products import model_of, weights_of

N_USERS, N_ITEMS = 6, 5


def dense_matrix(users, items, n_users=N_USERS, n_items=N_ITEMS):
    """Return the normalised adjacency matrix, made edge by edge."""
    found = torch.zeros(n_users + n_items, n_users + n_items, dtype=torch.float64)
    for user, item in zip(users, items, strict=True):
        if user and item:
            found[user, n_users + item] = found[n_users + item, user] = 1
    degree = found.sum(0).clamp(min=1)
    return found / (degree[:, None] * degree).sqrt()


def mean_of_powers(matrix, vectors, layers):
    return sum(torch.linalg.matrix_power(matrix, layer) @ vectors for layer in range(layers + 1)) / (layers + 1)


pairs = st.lists(st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1)), max_size=25)


@given(pairs, st.integers(0, 4))
def test_vectors_and_gradients_are_those_of_powers_of_the_dense_matrix(edges, layers):
    users, items = torch.tensor([user for user, _ in edges]).long(), torch.tensor([item for _, item in edges]).long()
    graph = InteractionGraph(N_USERS, N_ITEMS)
    graph.join(users, items)
    start = torch.randn(N_USERS + N_ITEMS, 3, generator=torch.Generator().manual_seed(0))
    slope = torch.randn(N_USERS + N_ITEMS, 3, generator=torch.Generator().manual_seed(1))
    own, expected = start.clone().requires_grad_(), start.double().requires_grad_()
    found = graph.spread(own, layers)
    naive = mean_of_powers(dense_matrix(users.tolist(), items.tolist()), expected, layers)
    torch.testing.assert_close(found.double(), naive, rtol=1e-5, atol=1e-5)
    found.backward(slope)
    naive.backward(slope.double())
    torch.testing.assert_close(own.grad.double(), expected.grad, rtol=1e-5, atol=1e-5)


@given(pairs, pairs)
def test_edges_of_an_earlier_graph_are_added_to_those_of_a_larger_one(before, after):
    graphs = [InteractionGraph(N_USERS - 2, N_ITEMS - 1), InteractionGraph(N_USERS, N_ITEMS)]
    before = [(user, item) for user, item in before if user < N_USERS - 2 and item < N_ITEMS - 1]
    for graph, edges in zip(graphs, (before, after), strict=True):
        graph.join(torch.tensor([u for u, _ in edges]).long(), torch.tensor([i for _, i in edges]).long())
    graphs[1].join_more(graphs[0].first, graphs[0].items)
    both = sorted({(user, item) for user, item in [*before, *after] if user and item})
    users = torch.repeat_interleave(graphs[1].first.diff())
    assert list(zip(users.tolist(), graphs[1].items.tolist(), strict=True)) == both


def test_a_graph_is_loaded_into_one_with_other_edges():
    graphs = [InteractionGraph(N_USERS, N_ITEMS) for _ in range(2)]
    graphs[0].join(torch.tensor([1, 2, 2]), torch.tensor([1, 1, 3]))
    load_stored(graphs[1], stored_state(graphs[0]))
    vectors = torch.randn(N_USERS + N_ITEMS, 2)
    assert torch.equal(graphs[0].spread(vectors, 2), graphs[1].spread(vectors, 2))
    with pytest.raises(ValueError, match=r"first is torch\.int32"):
        load_stored(InteractionGraph(N_USERS + 1, N_ITEMS), stored_state(graphs[0]))


@pytest.mark.parametrize("task", ["ctr", "ranking"])
def test_scores_are_those_of_a_dense_computation(log, task):
    rows = log.rows("train")[::3]
    model = model_of(LightGCN, log, task, rows, layers=2, biases=False).eval()
    edges = rows if task == "ctr" else rows[log.labels(rows) > 0]
    users, items = (log.field_ids(name, edges).tolist() for name in ("user", "item"))
    n_users, n_items = (log.schema[name].vocabulary_size for name in ("user", "item"))
    vectors = torch.cat(weights_of(model)).detach().double()
    spread = mean_of_powers(dense_matrix(users, items, n_users, n_items), vectors, 2)
    batch = log.gather(log.rows("test")[:20])
    own = [log.field_ids(name, log.rows("test")[:20]).long() for name in ("user", "item")]
    expected = (spread[own[0]] * spread[n_users + own[1]]).sum(1)
    torch.testing.assert_close(model(batch).double(), expected, rtol=1e-4, atol=1e-5)
    served = model.served_vectors()
    torch.testing.assert_close((served["user"][own[0]] * served["item"][own[1]]).sum(1), model(batch))


def test_the_penalty_is_of_the_vectors_that_a_batch_looks_up_and_not_of_all_that_spread(log):
    model = model_of(LightGCN, log, "ctr", biases=False).train()
    objective = Objective(model, 1e-3)
    batch = log.gather(log.rows("train")[:7])
    loss = objective.mean_loss(batch)
    added = float((objective.penalised(loss) - loss).detach())
    expected = 0.0
    for name, weight in zip(("user", "item"), weights_of(model), strict=True):
        ids = log.field_ids(name, log.rows("train")[:7]).tolist()
        for own in ids:
            expected += 0.5 / 7 * min(1e-3 * 7 / ids.count(own), 8) * float(weight[own].detach().square().sum())
    assert added == pytest.approx(expected, rel=1e-4)


def test_without_layers_the_vectors_are_those_of_the_tables(log):
    model = model_of(LightGCN, log, layers=0)
    for name, weight in zip(("user", "item"), weights_of(model), strict=True):
        batch = log.users(torch.tensor([3, 0])) if name == "user" else log.items(torch.tensor([3, 0]))
        assert torch.equal(model.look_up()(name, batch), weight[[3, 0]])
