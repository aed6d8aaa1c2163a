"""Uniform quantisers against what a plain search, and calculus by hand, give."""

import numpy as np
import pytest
import torch

from cadc.embeddings.coding.quantizer import best_steps, codes_of, straight_through, with_scaled_gradient


def values(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
def test_codes_are_of_the_nearest_level(bits, shift):
    numbers, step = values(50).numpy(), 0.17
    levels = (np.arange(2**bits) - 2 ** (bits - 1) + shift) * np.float32(step)
    found = codes_of(torch.from_numpy(numbers), torch.tensor(step), bits, shift).numpy()
    assert found.min() >= -(2 ** (bits - 1)) and found.max() <= 2 ** (bits - 1) - 1
    away = np.abs((found + shift) * step - numbers)
    np.testing.assert_allclose(away, np.abs(numbers[:, None] - levels).min(1), atol=1e-6)


def test_a_step_of_zero_gives_codes_without_a_warning_and_no_nan():
    assert codes_of(torch.zeros(3), torch.zeros(3), 2).tolist() == [0, 0, 0]
    assert best_steps(torch.zeros(2, 5), 4, 0.5).tolist() == [0, 0]


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6])
def test_the_best_step_is_about_as_good_as_a_fine_search_for_it(bits, shift):
    rows = values(4, 2000, seed=bits) * torch.tensor([[1.0], [1e-4], [30.0], [0.3]])
    mass = torch.rand(4, 2000, generator=torch.Generator().manual_seed(1))

    def error(step):
        coded = (codes_of(rows, step, bits, shift) + shift) * step
        return ((coded - rows).square() * mass).sum(1)

    found = error(best_steps(rows, bits, shift, mass).unsqueeze(1))
    widest = rows.abs().amax(1, keepdim=True)
    tried = [error(widest * share) for share in torch.linspace(0.003, 1.5, 1500)]
    assert (found <= 1.05 * torch.stack(tried).amin(0)).all()
    assert (found <= (rows.square() * mass).sum(1)).all()


@pytest.mark.parametrize("bits", [2, 5])
def test_the_gradient_of_the_error_by_the_step_is_zero(bits):
    rows = values(3, 40).double()
    step = best_steps(rows, bits, 0.5).unsqueeze(1)
    levels = codes_of(rows, step, bits, 0.5) + 0.5
    gradient = 2 * ((levels * step - rows) * levels).sum(1)
    assert gradient.abs().max() < 0.1 * (rows * levels).sum(1).abs().max()


def by_hand(w, beta, alpha, b):
    """Value and derivatives by w, β and α as the papers give them, for one number."""
    if b == 0:
        return 0.0, 0.0, 0.0, 0.0
    low, high, x = -(2 ** (b - 1)), 2 ** (b - 1) - 1, (w - beta) / alpha
    code = min(max(round(min(max(x, low), high)), low), high)
    inside = low <= x <= high
    return code * alpha + beta, float(inside), float(not inside), (round(x) - x) if inside else float(code)


def test_straight_through_gradients_are_those_of_the_formulas():
    w, beta = values(40, 3).double() * 0.3, torch.tensor([0.0, 0.05, -0.1], dtype=torch.float64)
    bits = torch.arange(40) % 7
    alpha = torch.linspace(0.02, 0.3, 40, dtype=torch.float64)
    leaves = [value.clone().requires_grad_() for value in (w, beta.expand(40, 3), alpha.unsqueeze(1).expand(40, 3))]
    found = straight_through(*leaves, bits.unsqueeze(1))
    found.sum().backward()
    for row in range(40):
        for column in range(3):
            expected = by_hand(float(w[row, column]), float(beta[column]), float(alpha[row]), int(bits[row]))
            got = [found[row, column].detach(), *(leaf.grad[row, column] for leaf in leaves)]
            assert [float(value) for value in got] == pytest.approx(expected, abs=1e-12)


def test_a_scaled_gradient_leaves_the_value_alone():
    value = torch.tensor([2.0, 3.0], requires_grad=True)
    found = with_scaled_gradient(value, torch.tensor([0.5, 0.25]))
    assert found.tolist() == [2.0, 3.0]
    (found * torch.tensor([1.0, 8.0])).sum().backward()
    assert value.grad.tolist() == [0.5, 2.0]
