"""Where enriched rows start that the segment before knew."""

import pytest
import torch

from cadc.streams.carried import carry_over, sized_weights
from tests.streams.test_carried import Net

N_BEFORE = {"user": 3, "item": 2}
SHARED = {0: 2, 1: 1, 2: 1, 4: 3, 5: 2}
"""Numbers that both lengths share, by row of the new model."""
EARLIER = {0: 0, 1: 1, 2: 2, 4: 3, 5: 4}
"""The row that each was."""


@pytest.fixture
def nets():
    """An earlier model, what it started from, a new one, and how that would start."""
    start, before = (Net([2, 4, 1], [3, 2], seed=seed) for seed in (5, 0))
    return (
        sized_weights(start),
        start,
        before,
        Net([2, 1, 3, 4], [3, 4, 1], seed=1),
        Net([2, 1, 3, 4], [3, 4, 1], seed=1),
    )


def carried(nets, known, enriched):
    of_start, _, before, model, _ = nets
    carry_over(before.state_dict(), N_BEFORE, model, of_start, enriched, known)
    return model.vectors.reconstruct()


def test_shifted_rows_are_moved_by_what_training_changed(nets):
    _, start, before, _, untouched = nets
    found = carried(nets, "shifted", ["user", "item"])
    was, began, new = (net.vectors.reconstruct() for net in (before, start, untouched))
    for row in range(7):
        n = SHARED.get(row, 0)
        if n:
            change = was[EARLIER[row], :n] - began[EARLIER[row], :n]
            torch.testing.assert_close(found[row, :n], new[row, :n] + change)
        assert torch.equal(found[row, n:], new[row, n:])


def test_rows_that_were_not_trained_follow_their_factors(nets):
    of_start, start, _, model, untouched = nets
    carry_over(start.state_dict(), N_BEFORE, model, of_start, ["user", "item"], "shifted")
    torch.testing.assert_close(model.vectors.reconstruct(), untouched.vectors.reconstruct())


def test_enriched_rows_start_from_their_factors_and_linear_terms_are_carried(nets):
    _, _, before, model, untouched = nets
    assert torch.equal(carried(nets, "enriched", ["user", "item"]), untouched.vectors.reconstruct())
    assert torch.equal(model.terms.reconstruct()[:3], before.terms.reconstruct()[:3])


@pytest.mark.parametrize("known", ["shifted", "enriched"])
def test_other_fields_are_carried(nets, known):
    _, _, before, _, _ = nets
    found = carried(nets, known, ["user"])
    for row in (4, 5):
        assert torch.equal(found[row, : SHARED[row]], before.vectors.reconstruct()[EARLIER[row], : SHARED[row]])
