"""Adam that takes the steps of torch's, and whose weights and moments never become denormal numbers."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from cadc.adam import STEPS_BETWEEN, Adam
from cadc.errors import UsageError
from cadc.training.lazy_adam import LazyAdam
from tests.support.denormals import denormals


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))


def grouped(model):
    return [
        {"params": [model[0].weight, model[2].weight], "weight_decay": 0.1},
        {"params": [model[0].bias, model[2].bias], "weight_decay": 0.0},
    ]


def train(model, optimizer, n_steps, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_steps):
        batch = torch.randn(16, 6, generator=generator)
        optimizer.zero_grad()
        (model(batch).squeeze(1) - batch[:, 0]).square().mean().backward()
        optimizer.step()


def test_its_steps_are_those_of_torch_bit_for_bit():
    own, reference = network(), network()
    train(own, Adam(grouped(own), lr=0.01), STEPS_BETWEEN + 1)
    train(reference, torch.optim.Adam(grouped(reference), lr=0.01, fused=True), STEPS_BETWEEN + 1)
    for found, expected in zip(own.parameters(), reference.parameters(), strict=True):
        assert torch.equal(found, expected)


def test_a_weight_without_gradient_stays_and_has_no_state():
    model = network()
    model[0].weight.requires_grad_(False)
    start = model[0].weight.clone()
    optimizer = Adam(grouped(model), lr=0.01)
    train(model, optimizer, 3)
    assert torch.equal(model[0].weight, start)
    assert model[0].weight not in optimizer.state
    assert optimizer.state[model[2].weight]["exp_avg"].any()


def test_a_saved_state_goes_on_bit_for_bit():
    model = network()
    optimizer = Adam(grouped(model), lr=0.01)
    train(model, optimizer, STEPS_BETWEEN - 3)
    twin = deepcopy(model)
    saved = deepcopy(optimizer.state_dict())
    train(model, optimizer, 7, seed=2)
    resumed = Adam(grouped(twin), lr=0.01)
    resumed.load_state_dict(saved)
    train(twin, resumed, 7, seed=2)
    for found, expected in zip(twin.parameters(), model.parameters(), strict=True):
        assert torch.equal(found, expected)


def test_a_state_of_other_weights_is_refused():
    optimizer = Adam(grouped(network()), lr=0.01)
    train(model := network(), of_model := Adam(grouped(model), lr=0.01), 1)
    state = of_model.state_dict()
    state["weights"][0]["exp_avg"] = torch.zeros(2, 2)
    with pytest.raises(ValueError, match="other weights"):
        optimizer.load_state_dict(state)


def decayed(kind, **options):
    """Weights and moments after 2000 steps: of weights with a penalty alone, and of some with a gradient at first."""
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(20, 4, generator=generator).requires_grad_() for _ in range(2)]
    groups = [
        {"params": weights[:1], "weight_decay": 1e-4},
        {"params": weights[1:], "weight_decay": 0.0},
    ]
    optimizer = kind(groups, lr=0.003, **options)
    for step in range(2000):
        optimizer.zero_grad()
        (0.0 * weights[0].sum() + float(step < 10) * weights[1].sum()).backward()
        optimizer.step()
    return [*weights, *(state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq"))]


@pytest.mark.parametrize(("kind", "options"), [(Adam, {}), (LazyAdam, {"fused": True})], ids=["dense", "lazy"])
def test_weights_that_are_only_decayed_and_moments_without_a_gradient_become_zero(kind, options):
    found = decayed(kind, **options)
    assert sum(denormals(values.detach()) for values in found) == 0
    assert (found[0] == 0).float().mean() > 0.2
    assert found[1].all()
    assert sum(denormals(values.detach()) for values in decayed(torch.optim.Adam, fused=True)) > 0


def test_a_sparse_gradient_is_refused_with_what_to_do():
    table = nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1, 3])).sum().backward()
    with pytest.raises(UsageError, match=r"trainer\.lazy_tables=true"):
        Adam([{"params": [table.weight]}], lr=0.01).step()
