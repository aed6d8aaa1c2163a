"""Losses against their formulas, written out row by row, and their gradients in float64."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from cadc.models.ranking.losses import bce, bpr, margin_ranking, softmax

N_ROWS, N_COLUMNS = 5, 7


@pytest.fixture
def contest():
    """Scores, own columns, weights (some are 0) and log expectations of a few rows, float64."""
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.normal(size=(N_ROWS, N_COLUMNS))).requires_grad_()
    own = torch.from_numpy(rng.integers(0, N_COLUMNS, N_ROWS))
    weight = torch.from_numpy(rng.integers(0, 3, (N_ROWS, N_COLUMNS)).astype(float))
    log_expected = torch.from_numpy(rng.normal(size=(N_ROWS, N_COLUMNS)))
    return scores, own, weight, log_expected


def naive(contest, of_pair):
    """Mean over negatives of a function of (own score, negative's score), each as often as its weight says."""
    scores, own, weight, _ = (value.detach().numpy() for value in contest)
    losses = []
    for row in range(N_ROWS):
        found = []
        for column in range(N_COLUMNS):
            if column != own[row]:
                found += [of_pair(scores[row, own[row]], scores[row, column])] * int(weight[row, column])
        losses.append(sum(found) / len(found) if found else 0.0)
    return losses


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_softmax_is_the_corrected_share_of_the_own_item(contest):
    scores, own, weight, log_expected = contest
    for correction in (log_expected, None):
        found = softmax(scores, own, weight, correction).tolist()
        for row in range(N_ROWS):
            q = np.zeros(N_COLUMNS) if correction is None else correction[row].numpy()
            lifted = np.exp(scores[row].detach().numpy() - q)
            mine = lifted[own[row]]
            others = sum(weight[row, j].item() * lifted[j] for j in range(N_COLUMNS) if j != own[row])
            assert found[row] == pytest.approx(-math.log(mine / (mine + others)))


def test_pairwise_losses_are_means_over_negatives(contest):
    scores, own, weight, _ = contest
    assert bpr(scores, own, weight).tolist() == pytest.approx(
        naive(contest, lambda mine, other: -math.log(sigmoid(mine - other)))
    )
    assert margin_ranking(scores, own, weight, 0.7).tolist() == pytest.approx(
        naive(contest, lambda mine, other: max(0.0, 0.7 - mine + other))
    )


def test_bce_reads_the_label_and_negatives_of_positive_rows_alone(contest):
    scores, own, weight, _ = contest
    label = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    of_negatives = naive(contest, lambda mine, other: -math.log(1 - sigmoid(other)))
    expected = [
        of_negatives[row] - math.log(sigmoid(scores[row, own[row]].item()))
        if label[row]
        else -math.log(1 - sigmoid(scores[row, own[row]].item()))
        for row in range(N_ROWS)
    ]
    assert bce(scores, own, weight, label).tolist() == pytest.approx(expected)
    moved = scores.detach().clone()
    moved[torch.arange(N_ROWS), own] += 0.3
    offset = torch.full((N_ROWS,), 0.3, dtype=torch.float64)
    torch.testing.assert_close(bce(scores, own, weight, label, offset), bce(moved, own, weight, label))


def test_gradients_are_those_of_the_losses(contest):
    scores, own, weight, log_expected = contest
    label = torch.ones(N_ROWS, dtype=torch.float64)
    assert gradcheck(lambda s: softmax(s, own, weight, log_expected), scores)
    assert gradcheck(lambda s: bpr(s, own, weight), scores)
    assert gradcheck(lambda s: margin_ranking(s, own, weight, 0.7), scores)
    assert gradcheck(lambda s: bce(s, own, weight, label), scores)


def test_weights_of_columns_serve_all_rows(contest):
    scores, own, weight, log_expected = contest
    everywhere = weight[0].expand(N_ROWS, -1)
    for loss in (bpr, lambda *given: margin_ranking(*given, 1.0), lambda *given: bce(*given, torch.ones(N_ROWS))):
        assert torch.equal(loss(scores, own, weight[0]), loss(scores, own, everywhere))
    assert torch.equal(
        softmax(scores, own, weight[0], log_expected[0]),
        softmax(scores, own, everywhere, log_expected[0].expand(N_ROWS, -1)),
    )


def test_a_row_without_negatives_has_no_loss():
    scores, own, weight = torch.randn(2, 3), torch.tensor([0, 1]), torch.zeros(2, 3)
    assert bpr(scores, own, weight).tolist() == [0, 0]
    assert margin_ranking(scores, own, weight, 1.0).tolist() == [0, 0]
    assert softmax(scores, own, weight, None).tolist() == [0, 0]
