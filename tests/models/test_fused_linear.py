"""Linear layers with a ReLU behind them: outputs and gradients are those of torch's layers in float64."""

import pytest
import torch
from torch import nn

from cadc.data.batches import TILE
from cadc.models.fused_linear import linear_relu
from cadc.models.mlp import mlp

SIZES = (45, 32, 16, 1)


def plain_twin(network):
    """The same weights in torch's own layers and in float64."""
    twin = nn.Sequential(*(type(layer)(*shape_of(layer)) for layer in network)).double()
    twin.load_state_dict({name: value.double() for name, value in network.state_dict().items()})
    return twin


def shape_of(layer):
    return (layer.in_features, layer.out_features) if isinstance(layer, nn.Linear) else ()


def gradients(network, inputs, loss):
    inputs = inputs.clone().requires_grad_()
    outputs = network(inputs)
    loss(outputs).backward()
    return [outputs.detach(), inputs.grad, *(weight.grad for weight in network.parameters())]


@pytest.mark.parametrize("n_rows", [1, 3, 64, 200])
@pytest.mark.parametrize("last_relu", [False, True])
@pytest.mark.parametrize("loss", [torch.sum, lambda outputs: outputs.square().mean()], ids=["sum", "mean of squares"])
def test_an_mlp_and_its_gradients_are_those_of_plain_layers(n_rows, last_relu, loss):
    generator = torch.Generator().manual_seed(n_rows)
    network = mlp(SIZES, generator, last_relu=last_relu)
    inputs = torch.randn(n_rows, SIZES[0], generator=generator)
    found = gradients(network, inputs, loss)
    for mine, plain in zip(found, gradients(plain_twin(network), inputs.double(), loss), strict=True):
        torch.testing.assert_close(mine, plain.float(), rtol=1e-5, atol=1e-5)


def test_it_passes_on_gradients_in_float64_to_1e_10():
    network = mlp(SIZES, torch.Generator().manual_seed(0), last_relu=False)
    twin = plain_twin(network)
    inputs = torch.randn(20, SIZES[0], dtype=torch.float64)
    for mine, plain in zip(
        gradients(network.double(), inputs, torch.sum), gradients(twin, inputs, torch.sum), strict=True
    ):
        torch.testing.assert_close(mine, plain, rtol=1e-10, atol=1e-10)


def test_a_row_has_the_same_bits_whatever_is_computed_with_it():
    network = mlp(SIZES, torch.Generator().manual_seed(0), last_relu=False)
    inputs = torch.randn(32 * TILE, SIZES[0], generator=torch.Generator().manual_seed(1))
    together = network(inputs)
    for size in (TILE, 3 * TILE, 8 * TILE):
        parts = torch.cat([network(part) for part in inputs.split(size)])
        assert torch.equal(parts, together)


def test_weights_that_are_not_trained_get_no_gradient():
    layer = nn.Linear(8, 4).requires_grad_(False)
    inputs = torch.randn(5, 8, requires_grad=True)
    linear_relu(inputs, layer, relu=True).sum().backward()
    assert layer.weight.grad is None and layer.bias.grad is None and inputs.grad.any()


def test_autocast_and_transforms_of_functions_take_the_plain_layers():
    network = mlp(SIZES, torch.Generator().manual_seed(0), last_relu=False)
    inputs = torch.randn(6, SIZES[0])
    with torch.autocast("cpu", torch.bfloat16):
        assert network(inputs).dtype == torch.bfloat16
    torch.testing.assert_close(torch.vmap(network)(inputs.view(2, 3, -1)).flatten(0, 1), network(inputs))


def test_no_rows_give_no_outputs():
    assert mlp(SIZES, torch.Generator(), last_relu=False)(torch.empty(0, SIZES[0])).shape == (0, 1)


@pytest.mark.parametrize("other", [nn.Tanh(), nn.Sequential(nn.LayerNorm(32), nn.ReLU())], ids=["tanh", "norm"])
def test_layers_of_other_kinds_are_computed_as_well(other):
    network = mlp(SIZES, torch.Generator().manual_seed(0), last_relu=False)
    layers = [*network]
    changed = type(network)(layers[0], *(other if isinstance(other, nn.Sequential) else [other]), *layers[2:])
    inputs = torch.randn(20, SIZES[0], generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(changed(inputs), nn.Sequential(*changed)(inputs), rtol=1e-5, atol=1e-5)


def test_a_layer_without_inputs_returns_its_bias():
    layer = nn.Linear(1, 4)
    layer.weight, layer.in_features = nn.Parameter(layer.weight[:, :0].detach()), 0
    assert torch.equal(linear_relu(torch.empty(3, 0), layer, relu=False), layer.bias.expand(3, 4))


def test_hooks_and_parametrisations_of_layers_count():
    network = mlp((6, 5, 4), torch.Generator().manual_seed(0), last_relu=False)
    plain = network(inputs := torch.randn(7, 6))
    seen = []
    for layer in network:
        layer.register_forward_hook(lambda layer, inputs, outputs: seen.append(outputs.shape))
    torch.testing.assert_close(network(inputs), plain)
    assert seen == [(7, 5), (7, 5), (7, 4)]
    nn.utils.parametrizations.weight_norm(network[0])
    torch.testing.assert_close(network(inputs), plain)
    network[0].parametrizations.weight.original0.data.zero_()
    torch.testing.assert_close(network(inputs), network(torch.zeros_like(inputs)))


def test_gradients_of_gradients_are_those_of_plain_layers():
    network = mlp(SIZES, torch.Generator().manual_seed(0), last_relu=False)

    def of_penalty(network, inputs):
        (slope,) = torch.autograd.grad(network(inputs).square().sum(), inputs, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [inputs, *network.parameters()])

    inputs = torch.randn(9, SIZES[0], generator=torch.Generator().manual_seed(1), requires_grad=True)
    twin = of_penalty(plain_twin(network), inputs.detach().double().requires_grad_())
    for mine, plain in zip(of_penalty(network, inputs), twin, strict=True):
        torch.testing.assert_close(mine, plain.float(), rtol=1e-4, atol=1e-4)
