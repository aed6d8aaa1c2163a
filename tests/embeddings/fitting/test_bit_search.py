"""The search for bits: its groups, the mixture that is trained, gradients, penalty, and what each group wants."""

import math

import numpy as np
import pytest
import torch

from cadc.embeddings.fitting.bit_search import WIDTHS, BitSearch
from tests.embeddings.support.naive import quantised


def a_search(n=30, dim=3, groups=4, **options):
    counts = torch.randint(0, 99, (n,), generator=torch.Generator().manual_seed(8))
    search = BitSearch(counts, dim, groups, **({"temperature": 0.5, "penalty": 0.1} | options))
    with torch.no_grad():
        search.preferences.normal_(generator=torch.Generator().manual_seed(1))
        search.log_steps.copy_(torch.linspace(0.4, 0.02, 6).log())
    return search, counts


def test_groups_are_of_rows_of_about_the_same_frequency_and_size():
    search, counts = a_search(n=31)
    sizes = torch.bincount(search.group)
    assert int(sizes.max() - sizes.min()) <= 1
    for first in range(3):
        assert counts[search.group == first].min() >= counts[search.group == first + 1].max()


def test_the_mixture_is_the_naive_sum_over_widths():
    search, _ = a_search()
    rows, beta = torch.tensor([0, 29, 5, 5]), torch.tensor([0.01, 0.0, -0.02])
    values = 0.2 * torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    found = search.mixture(values, rows, beta)
    p = (search.preferences / 0.5).softmax(1)
    steps = [float(step) for step in search.log_steps.exp()]
    for at, row in enumerate(rows.tolist()):
        for column in range(3):
            expected = sum(
                float(p[search.group[row], bits])
                * quantised(float(values[at, column]), float(beta[column]), steps[bits - 1], bits)
                for bits in range(1, 7)
            )
            assert float(found[at, column]) == pytest.approx(expected, abs=1e-6)


def test_gradients_of_steps_are_learned_step_sizes_scaled_as_in_the_paper():
    search, _ = a_search()
    rows, beta = torch.arange(30), torch.zeros(3)
    values = 0.2 * torch.randn(30, 3, generator=torch.Generator().manual_seed(2))
    search.mixture(values, rows, beta).sum().backward()
    p = (search.preferences / 0.5).softmax(1)[search.group].detach()
    for bits in range(1, 7):
        alpha, low, high = float(search.log_steps[bits - 1].exp()), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        of_alpha = 0.0
        for row in range(30):
            for w in values[row].tolist():
                x = w / alpha
                of_alpha += float(p[row, bits]) * (low if x < low else high if x > high else round(x) - x)
        scaled = of_alpha / math.sqrt(2 ** (bits - 1) * 30 * 3)
        # Steps are learned as logarithms, which brings their value as a factor.
        assert float(search.log_steps.grad[bits - 1]) == pytest.approx(scaled * alpha, rel=1e-4, abs=1e-7)


def test_the_penalty_is_on_expected_bits_and_falls_with_frequency():
    search, counts = a_search()
    p = (search.preferences / 0.5).softmax(1)
    occurrences = [float(counts[search.group == group].sum()) for group in range(4)]
    expected = 0.0
    for group in range(4):
        c = max(1.0, occurrences[group] / max(1.0, min(occurrences)))
        expected += sum(0.1 * float(p[group, bits]) * bits for bits in WIDTHS) / c
    assert float(search.loss()) == pytest.approx(expected, rel=1e-5)
    search.loss().backward()
    assert search.preferences.grad.abs().sum() > 0


def test_a_group_wants_the_most_bits_that_have_half_an_even_share():
    search, _ = a_search(temperature=1.0)
    shares = torch.tensor(
        [
            [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
            [0.6, 0.1, 0.1, 0.08, 0.06, 0.05, 0.01],
            [0.94, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01],
            [0.02, 0.9, 0.02, 0.02, 0.02, 0.01, 0.01],
        ]
    )
    with torch.no_grad():
        search.preferences.copy_(shares.log())
    assert search.wanted() == [6, 3, 0, 1]  # 1 / 14 is about 0.071


def test_errors_of_groups_are_those_of_coded_rows_weighed_by_counts():
    search, counts = a_search()
    values = torch.randn(30, 3, generator=torch.Generator().manual_seed(2))
    errors = np.array(search.errors(values))
    of_rows = values.square().sum(1) * (counts + 1)
    np.testing.assert_allclose(errors[:, 0], [of_rows[search.group == own].sum() for own in range(4)], rtol=1e-5)
    total = errors.sum(0)
    assert (np.diff(total) < 0).all()
    assert total[6] < 0.01 * total[0]
