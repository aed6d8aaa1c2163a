"""A Lightning module that minimises a model's loss with Adam."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.models.model import Model
from cadc.training.lazy_adam import LazyAdam
from cadc.training.vector_penalty import VectorPenalty


class AdamModule(pl.LightningModule):
    """Minimises a model's loss with Adam; subclasses evaluate it.

    Parameters
    ----------
    model : whose `loss` of a batch is minimised.
    learning_rate : of Adam.
    weight_decay_tables : L2 penalty on the vectors that a batch looks up, see `VectorPenalty`.
    weight_decay_mlp : L2 penalty added to the gradients of the other weights.
    lazy_tables : whether a step skips the rows of uncompressed tables that its batch does not look up.
    shares : share of the training rows that hold each value, float, shape [vocabulary size], by field; None takes
        that of each batch.
    """

    def __init__(
        self,
        model: Model,
        learning_rate: float,
        weight_decay_tables: float,
        weight_decay_mlp: float,
        lazy_tables: bool = False,
        shares: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        self.weight_decay_tables = weight_decay_tables
        self.weight_decay_mlp = weight_decay_mlp
        self.lazy_tables = lazy_tables
        self._vectors = VectorPenalty(model, weight_decay_tables, shares)
        self._penalised = [table for table in model.modules() if isinstance(table, EmbeddingTable) and table.penalises]

    def forward(self, batch: Batch) -> Tensor:
        """Return the model's logit, or score, of each row of a batch, shape [B]."""
        found: Tensor = self.model(batch)
        return found

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam with a group of weights that it decays, and one that it does not; frozen ones are left out.

        Tables are penalised in the loss. Scalars, such as a temperature or the scale of a residual, have no penalty,
        since nothing favours 0 for them.
        """
        tables = [
            weight
            for module in self.model.modules()
            if isinstance(module, EmbeddingCollection)
            for weight in module.parameters()
            if weight.requires_grad
        ]
        in_tables = {id(weight) for weight in tables}
        others = [w for w in self.model.parameters() if w.requires_grad and id(w) not in in_tables]
        groups = [
            {"params": [*tables, *(weight for weight in others if not weight.ndim)], "weight_decay": 0.0},
            {"params": [weight for weight in others if weight.ndim], "weight_decay": self.weight_decay_mlp},
        ]
        given = [group for group in groups if group["params"]]
        if not self.lazy_tables:
            return torch.optim.Adam(given, lr=self.learning_rate, fused=True)
        for module in self.model.modules():
            if isinstance(module, UncompressedTable):
                module.sparse_gradient = True
        return LazyAdam(given, lr=self.learning_rate, fused=True)

    def mean_loss(self, batch: Batch) -> Tensor:
        """Return the weighted mean loss of the rows of a batch, without penalties."""
        with self._vectors.watching():
            loss = self.model.loss(batch)
        if batch.weight is not None:
            loss = loss * batch.weight
        return loss.mean()

    def penalised(self, loss: Tensor) -> Tensor:
        """Return a loss plus the penalties of the embedding tables that have one."""
        loss = self._vectors.added_to(loss)
        for table in self._penalised:
            loss = loss + table.penalty()
        return loss

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Copy a batch to the device, unless it is there already."""
        return batch.to(device) if isinstance(batch, Batch) and device.type != "cpu" else batch
