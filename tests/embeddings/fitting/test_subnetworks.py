"""Many networks at once do what each would do alone, and are fitted each on its own."""

import math

import numpy as np
import pytest
import torch

from cadc.embeddings.fitting.regression import errors_of, regress, solve_last_layer
from cadc.embeddings.fitting.subnetworks import NetworkShape, SubNetworks

ACTIVATIONS = {
    "sine": np.sin,
    "relu": lambda x: np.maximum(x, 0),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
}


SHAPE = NetworkShape(2, 4, 5, 2)


def networks(cells=3, shape=SHAPE, activation="sine", seed=0, **options):
    made = SubNetworks(cells, shape, activation, **options)
    made.reset(torch.Generator().manual_seed(seed))
    return made


def alone(network, cell, points, activation):
    """One network, layer by layer, in NumPy."""
    layers = [(w[cell].detach().double().numpy(), b[cell].detach().double().numpy()) for w, b in network.layers()]
    for matrix, bias in layers[:-1]:
        points = ACTIVATIONS[activation](points @ matrix + bias)
    return points @ layers[-1][0] + layers[-1][1]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_cell_is_a_network_of_its_own(activation):
    made = networks(activation=activation, omega=3.0)
    points = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(1))
    found = made(points)
    for cell in range(3):
        expected = alone(made, cell, points[cell].double().numpy(), activation)
        assert np.allclose(found[cell].detach().numpy(), expected, atol=1e-5)


def test_operations_and_parameters_are_those_known_of_an_image_of_128_by_128():
    shapes = [NetworkShape(2, 1, 256, 3), NetworkShape(2, 1, 64, 5), NetworkShape(2, 1, 64, 2)]
    assert [round(shape.flops * 128**2 / 1e9, 2) for shape in shapes] == [6.48, 0.68, 0.28]
    assert round(shapes[0].weights / 1e6, 3) == 0.198 and shapes[0].weights == 3 * 256 + 3 * 256 * 257 + 257
    assert SubNetworks(4, shapes[1]).weights.numel() == 4 * shapes[1].weights


def test_weights_of_sines_are_those_of_siren_with_its_frequency_inside():
    made = networks(200, NetworkShape(2, 1, 16, 1), omega=30.0)
    (first, _), (hidden, _), (last, _) = made.layers()
    assert float(first.detach().std()) == pytest.approx(30 / 2 / math.sqrt(3), rel=0.05)
    assert float(hidden.detach().std()) == pytest.approx(math.sqrt(6 / 16 / 3), rel=0.05)
    assert float(last.detach().abs().max()) <= math.sqrt(6 / 16)
    # What lies between the layers keeps the variance of a sine, 1/2, whatever the depth.
    points = torch.rand(200, 50, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert float(made.hidden(points).detach().std()) == pytest.approx(math.sqrt(0.5), rel=0.1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_outputs_are_scaled_to_a_standard_deviation_about_no_mean(activation):
    made = networks(activation=activation)
    points = torch.rand(3, 100, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
    made.scale_outputs(points, 0.05)
    found = made(points).detach()
    assert float(found.square().mean().sqrt()) == pytest.approx(0.05, rel=1e-3)
    assert float(found.mean(1).abs().max()) < 1e-6


def problem(cells=3, n=40, outputs=4):
    generator = torch.Generator().manual_seed(2)
    inputs = torch.rand(cells, n, 2, generator=generator) * 2 - 1
    wanted = torch.randn(cells, n, outputs, generator=generator)
    weight = torch.rand(cells, n, generator=generator) * 5
    return inputs, wanted, weight


def in_parts(inputs, wanted, weight):
    return lambda: zip(inputs.split(16, 1), wanted.split(16, 1), weight.split(16, 1), strict=True)


def test_errors_are_weighted_sums_of_squares_whatever_the_parts():
    made = networks()
    inputs, wanted, weight = problem()
    expected = [
        (weight[cell].double().numpy()[:, None] * (alone(made, cell, inputs[cell].double().numpy(), "sine")
         - wanted[cell].double().numpy()) ** 2).sum()
        for cell in range(3)
    ]  # fmt: skip
    assert np.allclose(errors_of(made, in_parts(inputs, wanted, weight)).numpy(), expected, rtol=1e-4)


def test_the_last_layer_is_that_of_weighted_least_squares():
    made = networks()
    inputs, wanted, weight = problem()
    weight[1] = 0  # a cell without a target
    before = made.weights.detach().clone()
    solve_last_layer(made, in_parts(inputs, wanted, weight))
    *_, (matrix, bias) = made.layers()
    for cell in (0, 2):
        hidden = made.hidden(inputs)[cell].detach().double().numpy()
        root = np.sqrt(weight[cell].double().numpy())[:, None]
        features = np.hstack([hidden, np.ones((len(hidden), 1))])
        expected = np.linalg.lstsq(features * root, wanted[cell].double().numpy() * root, rcond=None)[0]
        assert np.allclose(torch.cat([matrix[cell], bias[cell]]).detach().numpy(), expected, atol=1e-3)
    assert torch.equal(made.weights[1], before[1])


@pytest.mark.parametrize("solve", [True, False])
def test_no_error_grows_and_each_network_keeps_its_own_best(solve):
    inputs, wanted, weight = problem()
    points = in_parts(inputs, wanted, weight)
    made = networks()
    before = errors_of(made, points)
    # A rate at which training does harm.
    regress(made, points, lambda: (inputs, wanted, weight), 5, 100.0, solve)
    assert (errors_of(made, points) <= before).all()
    good = networks()
    regress(good, points, lambda: (inputs, wanted, weight), 200, 0.01, solve)
    assert (errors_of(good, points) < 0.7 * before).all()
    assert good.weights.grad is None


def test_networks_are_fitted_as_if_each_were_alone():
    inputs, wanted, weight = problem()
    together = networks()
    single = SubNetworks(1, together.shape)
    with torch.no_grad():
        single.weights.copy_(together.weights[1:2])
    regress(together, in_parts(inputs, wanted, weight), lambda: (inputs, wanted, weight), 20, 0.01, False)
    own = [part[1:2] for part in (inputs, wanted, weight)]
    regress(single, in_parts(*own), lambda: own, 20, 0.01, False)
    torch.testing.assert_close(single.weights[0], together.weights[1], rtol=1e-3, atol=1e-4)
