import numpy as np
import pytest
import torch

from cadc.errors import UsageError
from cadc.models.cross_layers import CrossLayer, CrossMixture
from cadc.models.dcn import DCN
from cadc.models.factorization import FactorizationModel
from tests.models.click_networks import model_of, naive_mlp
from tests.support.helpers import random_factors, small_synthetic_log


def numbers(tensor):
    return tensor.detach().double().numpy()


def naive_cross(layer, first, x):
    return first * (numbers(layer.linear.weight) @ x + numbers(layer.linear.bias)) + x


def naive_mixture(layer, first, x):
    scores = np.zeros(1)
    if layer.gate is not None:
        scores = numbers(layer.gate.weight) @ x + numbers(layer.gate.bias)
    gates = np.exp(scores) / np.exp(scores).sum()
    total = x.copy()
    for gate, down, inner, up in zip(gates, *map(numbers, (layer.down, layer.inner, layer.up)), strict=True):
        expert = up.T @ np.tanh(inner.T @ np.tanh(down.T @ x))
        total += gate * first * (expert + numbers(layer.bias))
    return total


@pytest.mark.parametrize("own", [{}, {"rank": 3}, {"rank": 2, "experts": 1}], ids=["full", "mixture", "one expert"])
def test_a_cross_layer_equals_its_formula(own):
    generator = torch.Generator().manual_seed(0)
    layer = CrossMixture(6, own["rank"], own.get("experts", 4), generator) if own else CrossLayer(6, generator)
    with torch.no_grad():
        (layer.bias if own else layer.linear.bias).normal_(generator=generator)
    first, inputs = torch.randn(2, 9, 6, generator=generator)
    naive = naive_mixture if own else naive_cross
    expected = [naive(layer, *map(numbers, pair)) for pair in zip(first, inputs, strict=True)]
    np.testing.assert_allclose(numbers(layer(first, inputs)), np.stack(expected), atol=1e-5)


def test_a_cross_layer_of_one_input_is_a_polynomial():
    layer = CrossLayer(1, torch.Generator())
    with torch.no_grad():
        layer.linear.weight.fill_(2.0)
        layer.linear.bias.fill_(3.0)
    x = torch.tensor([[1.0], [-2.0]])
    assert torch.equal(layer(x, x), x * (2 * x + 3) + x)


def naive_forward(model, batch):
    """Wang et al.: cross layers on x_0, and an MLP beside or after them."""
    vectors = numbers(model.embeddings(batch))
    logits = []
    for row in range(len(batch)):
        first = np.concatenate([*vectors[row], numbers(batch.dense[row])])
        crossed = first
        for layer in model.crosses:
            crossed = (naive_mixture if isinstance(layer, CrossMixture) else naive_cross)(layer, first, crossed)
        if model.is_parallel:
            end = np.concatenate([crossed, naive_mlp(model.deep, first, last_relu=True)])
        else:
            end = naive_mlp(model.deep, crossed, last_relu=True)
        logits.append(float((numbers(model.last.weight) @ end + numbers(model.last.bias))[0]))
    return np.array(logits)


@pytest.mark.parametrize("structure", ["parallel", "stacked"])
@pytest.mark.parametrize("own", [{}, {"rank": 2, "experts": 3}, {"hidden": ()}, {"cross_layers": 1, "hidden": (5,)}])
def test_forward_equals_a_naive_implementation(structure, own):
    log = small_synthetic_log()
    model = model_of(log, DCN, structure=structure, **own)
    batch = log.gather(log.rows("test")[:20])
    np.testing.assert_allclose(numbers(model(batch)), naive_forward(model, batch), atol=1e-4)


def test_structures_differ():
    log = small_synthetic_log()
    batch = log.gather(log.rows("test")[:20])
    one, two = (model_of(log, DCN, structure=structure)(batch) for structure in ("parallel", "stacked"))
    assert not torch.allclose(one, two)


@pytest.mark.parametrize("own", [{}, {"structure": "stacked", "rank": 2, "linear": True}, {"hidden": ()}])
def test_a_residual_starts_at_the_logit_of_the_factorisation(own):
    log = small_synthetic_log()
    factors = random_factors(log.schema, ("user", "item"))
    model = model_of(log, DCN, factors=factors, residual=True, **own)
    batch = log.gather(log.rows("test"))
    assert torch.equal(model(batch), FactorizationModel(factors, log.schema)(batch))
    assert model.starts_at_base


@pytest.mark.parametrize("option", ["cross_layers", "rank", "experts"])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(UsageError, match=rf"model\.{option} is 0; it must be at least 1"):
        model_of(small_synthetic_log(), DCN, **{option: 0})


@pytest.mark.parametrize("hidden", [(6,), (6, 5)])
def test_dropout_follows_the_relu_of_every_hidden_layer(hidden):
    model = model_of(small_synthetic_log(), DCN, hidden=hidden, dropout=0.3)
    assert [type(layer).__name__ for layer in model.deep] == ["Linear", "ReLU", "Dropout"] * len(hidden)
    assert len(model_of(small_synthetic_log(), DCN, hidden=(), dropout=0.3).deep) == 0
