"""Losses of a row's own item against its negatives, shape [B].

`cadc.models.ranking.negatives.Contest` explains the arguments. A pairwise loss is the mean over the negatives of a row;
it is 0 for a row without negatives.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


def softmax(scores: Tensor, own: Tensor, weight: Tensor, log_expected: Tensor | None) -> Tensor:
    """Return sampled softmax, -log(exp(s_own) / (exp(s_own) + Σ w_j exp(s_j))).

    Parameters
    ----------
    scores : shape [B, m].
    own : column of the row's own item, int64, shape [B].
    weight : number of negatives that a column stands for, shape [m] or [B, m].
    log_expected : subtracted from all scores, which corrects for popular items being drawn more often (logQ correction;
        Bengio & Senécal 2008; Yi et al. 2019, eq. 3), shape [m] or [B, m]; None for no correction.
    """
    correction = torch.zeros_like(weight) if log_expected is None else -log_expected
    added_to_own = _of(correction.expand_as(scores), own)
    losses: Tensor = _Softmax.apply(scores, own, correction + weight.log(), added_to_own)
    return losses


def bpr(scores: Tensor, own: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of -log σ(s_own - s_j) (Rendle et al., arXiv 1205.2618)."""
    return _mean(softplus(scores - _of(scores, own)), own, weight)


def margin_ranking(scores: Tensor, own: Tensor, weight: Tensor, margin: float) -> Tensor:
    """Return the mean of max(0, margin - s_own + s_j)."""
    return _mean(relu(margin - _of(scores, own) + scores), own, weight)


def bce(scores: Tensor, own: Tensor, weight: Tensor, label: Tensor, offset: Tensor | None = None) -> Tensor:
    """Return the logloss of the own item and, for rows with label 1, the mean logloss of the negatives with label 0.

    The offset, shape [B], is added to the score of the own item; see `cadc.sampling.sampler.Sample`.
    """
    score = _of(scores, own).squeeze(1)
    if offset is not None:
        score = score + offset
    return softplus(score) - label * score + label * _mean(softplus(scores), own, weight)


class _Softmax(torch.autograd.Function):
    """Cross-entropy of (scores + constants) in fewer passes over the matrix than torch's own."""

    @staticmethod
    def forward(context: Any, scores: Tensor, own: Tensor, added: Tensor, added_to_own: Tensor) -> Tensor:
        own_logit = _of(scores, own) + added_to_own.to(scores.dtype)
        logits = (scores + added.to(scores.dtype)).scatter_(1, own[:, None], own_logit)
        top = logits.amax(1, keepdim=True)
        shares = logits.sub_(top).exp_()
        total = shares.sum(1, keepdim=True)
        context.save_for_backward(shares, total, own)
        return (total.log() + top - own_logit).squeeze(1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        shares, total, own = context.saved_tensors
        gradient = gradients[0].unsqueeze(1)
        of_scores = shares * (gradient / total)
        return of_scores.scatter_add_(1, own[:, None], -gradient), None, None, None


def _of(scores: Tensor, own: Tensor) -> Tensor:
    return scores.gather(1, own[:, None])


def _mean(losses: Tensor, own: Tensor, weight: Tensor) -> Tensor:
    weight = weight.to(losses.dtype).expand_as(losses).scatter(1, own[:, None], 0.0)
    return (losses * weight).sum(1) / weight.sum(1).clamp(min=1)
