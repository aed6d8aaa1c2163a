"""A Lightning module that minimises a model's loss with Adam."""

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


class AdamModule(pl.LightningModule):
    """Minimises a model's loss with Adam; subclasses evaluate it.

    Parameters
    ----------
    model : whose `loss` of a batch is minimised.
    learning_rate : of Adam.
    weight_decay_tables, weight_decay_mlp : L2 penalties added to the gradients of embedding tables and of the rest.
    lazy_tables : whether a step skips the rows of uncompressed tables that its batch does not look up.
    """

    def __init__(
        self,
        model: Model,
        learning_rate: float,
        weight_decay_tables: float,
        weight_decay_mlp: float,
        lazy_tables: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        self.weight_decay_tables = weight_decay_tables
        self.weight_decay_mlp = weight_decay_mlp
        self.lazy_tables = lazy_tables
        self._penalised = [table for table in model.modules() if isinstance(table, EmbeddingTable) and table.penalises]

    def forward(self, batch: Batch) -> Tensor:
        """Return the model's logit, or score, of each row of a batch, shape [B]."""
        found: Tensor = self.model(batch)
        return found

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam with three groups: tables, other weights, and weights without penalty; frozen ones are left out.

        Scalars, such as a temperature or the scale of a residual, have no penalty, since nothing favours 0 for them.
        """
        tables = [
            weight
            for module in self.model.modules()
            if isinstance(module, EmbeddingCollection)
            for weight in module.parameters()
            if weight.requires_grad
        ]
        in_tables = {id(weight) for weight in tables}
        spared = {
            id(weight)
            for module in self.model.modules()
            if isinstance(module, EmbeddingTable)
            for name, weight in module.named_parameters()
            if name in module.not_decayed
        }
        others = [w for w in self.model.parameters() if w.requires_grad and id(w) not in in_tables]
        groups = [
            {"params": [w for w in tables if id(w) not in spared], "weight_decay": self.weight_decay_tables},
            {"params": [weight for weight in others if weight.ndim], "weight_decay": self.weight_decay_mlp},
            {
                "params": [w for w in others if not w.ndim] + [w for w in tables if id(w) in spared],
                "weight_decay": 0.0,
            },
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
        loss = self.model.loss(batch)
        if batch.weight is not None:
            loss = loss * batch.weight
        return loss.mean()

    def penalised(self, loss: Tensor) -> Tensor:
        """Return a loss plus the penalties of the embedding tables that have one."""
        for table in self._penalised:
            loss = loss + table.penalty()
        return loss

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Copy a batch to the device, unless it is there already."""
        return batch.to(device) if isinstance(batch, Batch) and device.type != "cpu" else batch
