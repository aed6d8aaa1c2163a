"""A network on views alone: what their numbers say together that a sum of them does not."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.errors import require_at_least, require_probability
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model
from cadc.models.on_views.base import ViewBase
from cadc.models.on_views.mlp_ensemble import MLPEnsemble
from cadc.views.views import Views


class ViewNetwork(Model):
    """logit = s(x) + mean of f_1(x) … f_M(x), where x are the numbers of views and dense features, and s is the stack.

    What a number is worth depends on others: a neighbours' score on how many neighbours there are, a factorisation's
    logit on how often user and item were seen. The stack cannot say so, and a sample of few rows is enough to learn it.
    There are no embedding tables, since the sample says less of an id than the views do.

    The members f_m are MLPs that differ in their initial weights and dropout. Each is trained as if it were alone, and
    their mean is better than any of them (Lakshminarayanan et al., NeurIPS 2017). Their last layers start at 0, so that
    training starts at the stack itself, which competes as epoch 0.

    Parameters
    ----------
    views : the views.
    n_dense : number of dense features.
    generator : draws the initial weights.
    hidden : hidden widths of each MLP.
    dropout : probability that a hidden unit is dropped in training.
    members : M.

    Raises
    ------
    UsageError : for options out of range.
    """

    task: ClassVar[Task | None] = "ctr"
    fits_sample: ClassVar[bool] = True
    takes_views: ClassVar[bool] = True
    needs_views: ClassVar[bool] = True
    starts_at_base: bool = True

    def __init__(
        self,
        views: Views,
        n_dense: int,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (64, 32),
        dropout: float = 0.2,
        members: int = 4,
    ) -> None:
        super().__init__()
        require_at_least(1, "model", hidden=min(hidden, default=1), members=members)
        require_probability("model", dropout=dropout)
        self.view_base = ViewBase(views)
        sizes = (n_dense + self.view_base.n_numbers, *hidden, 1)
        self.members = MLPEnsemble(sizes, members, generator, dropout)

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit the stack; see `Model.fit_sample`."""
        self.view_base.fit_sample(log, rows, weights, offset)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""
        return self._logits(batch).mean(0)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean logloss of the members of each row, shape [B]; see `Model.loss`."""
        logits = self._logits(batch)
        if batch.offset is not None:
            logits = logits + batch.offset
        return binary_cross_entropy_with_logits(logits, batch.label.expand_as(logits), reduction="none").mean(0)

    def _logits(self, batch: Batch) -> Tensor:
        """Return the logits of each member, shape [M, B]."""
        batch = self.view_base.noted(batch)
        inputs = torch.cat([batch.dense, self.view_base.dense(batch)], 1)
        logits: Tensor = self.view_base(batch) + self.members(inputs)[..., 0]
        return logits
