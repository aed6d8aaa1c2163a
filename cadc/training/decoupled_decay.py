"""Weight decay beside the gradients instead of in them (Loshchilov and Hutter, ICLR 2019), for vectors of tables."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from cadc.embeddings.collection import EmbeddingCollection
from cadc.training.ddp.replicas import Replicas
from cadc.training.vector_penalty import VectorPenalty

WeightDecay: TypeAlias = Literal["coupled", "decoupled"]
"""`coupled` adds the gradients of penalties to those of the loss, and Adam scales their sum; `decoupled` leaves them
out, and subtracts them from the weights, times the learning rate, as AdamW does."""


class DecoupledDecay:
    """Steps of plain gradient descent on the penalty of the vectors that a batch looks up.

    A row e of an uncompressed table that c of the B rows of a batch look up becomes e - η (c / B) min(λ / p, `MOST`) e,
    with the learning rate η and the share p of training rows that look it up. In expectation it shrinks by η λ a step,
    as in AdamW, but it rests in steps that do not look it up. With a compressed table the step is taken by the weights
    that its vectors are made of.

    Parameters
    ----------
    model : whose `EmbeddingCollection`s decay.
    penalty : of their vectors.
    """

    def __init__(self, model: nn.Module, penalty: VectorPenalty) -> None:
        self._penalty = penalty
        collections = [module for module in model.modules() if isinstance(module, EmbeddingCollection)]
        found = {id(weight): weight for module in collections for weight in module.parameters() if weight.requires_grad}
        self._weights = list(found.values()) if penalty.strength else []
        self._gradients: Sequence[Tensor | None] = ()

    def note(self, loss: Tensor, share: float = 1.0) -> None:
        """Keep the gradients of the penalty of what was looked up last; that penalty is then no part of the loss.

        Parameters
        ----------
        loss : of the batch, without penalties, whose own gradients are computed after this.
        share : of the batch that was looked up, where several ranks share it.
        """
        penalty = self._penalty.added_to(torch.zeros_like(loss)) * share
        self._gradients = ()
        if penalty.requires_grad:
            self._gradients = torch.autograd.grad(penalty, self._weights, retain_graph=True, allow_unused=True)

    def sum_over(self, replicas: Replicas) -> None:
        """Replace the gradients of all ranks that share a batch by their sum."""
        if self._weights:
            gradients = self._gradients or [None] * len(self._weights)
            self._gradients = replicas.summed_unless_shared(gradients, self._weights)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Subtract the gradients times a learning rate from the weights."""
        for weight, gradient in zip(self._weights, self._gradients, strict=False):
            if gradient is not None:
                weight.add_(gradient, alpha=-learning_rate)
