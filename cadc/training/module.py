"""The Lightning module that fits any `Model`."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.errors import CadcError, DataError
from cadc.evaluation.prefixes import prefixed
from cadc.evaluation.tasks import HeldOut
from cadc.models.model import Model
from cadc.training.lazy_adam import LazyAdam


class RecommenderModule(pl.LightningModule):
    """Fits a model with Adam on its `loss`.

    Parameters
    ----------
    model : whose `loss` of a batch is minimised.
    held_out : what an epoch is judged by.
    learning_rate : of Adam.
    weight_decay_tables, weight_decay_mlp : L2 penalties added to the gradients of embedding tables and of the rest.
    lazy_tables : whether a step leaves rows of uncompressed tables alone that its batch does not look up.
    """

    def __init__(
        self,
        model: Model,
        held_out: HeldOut,
        learning_rate: float,
        weight_decay_tables: float,
        weight_decay_mlp: float,
        lazy_tables: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.held_out = held_out
        self.learning_rate = learning_rate
        self.weight_decay_tables = weight_decay_tables
        self.weight_decay_mlp = weight_decay_mlp
        self.lazy_tables = lazy_tables
        self._loss_sum = torch.zeros(())
        self._penalised = [table for table in model.modules() if isinstance(table, EmbeddingTable) and table.penalises]
        self.history: list[dict[str, float]] = []
        """A row an epoch: number, training loss and validation metrics."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Put tables and other weights into groups of their own, frozen ones into none.

        Single numbers, such as a temperature or the factor of a residual's base, have no penalty: 0 is no better value
        of theirs than others.
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

    def on_train_epoch_start(self) -> None:
        """Forget the losses of the epoch before."""
        self._loss_sum = torch.zeros((), device=self.device)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean loss of a batch."""
        loss = self.model.loss(batch)
        if batch.weight is not None:
            loss = loss * batch.weight
        loss = loss.mean()
        self._loss_sum += loss.detach()
        for table in self._penalised:
            loss = loss + table.penalty()
        return loss

    def on_train_epoch_end(self) -> None:
        """Note the mean loss of the epoch and stop with a sentence where it is not finite."""
        mean = float(self._loss_sum) / max(1, int(self.trainer.num_training_batches))
        if mean != mean or mean == float("inf"):
            raise CadcError(
                f"the training loss is {mean} in epoch {self.current_epoch + 1}; lower trainer.learning_rate "
                f"(now {self.learning_rate})."
            )
        self.history[-1]["train/loss"] = mean

    def validation_step(self, batch: Any, index: int) -> None:
        """Note the metrics of the whole validation part, which comes as one step."""
        try:
            metrics = self.held_out.metrics(self.model)
        except DataError as error:
            # All of validation has both labels, as was seen before training.
            raise DataError(
                f"of the validation rows that training stops by, {error} Raise trainer.validation_rate."
            ) from error
        except CadcError as error:
            raise CadcError(
                f"{str(error).rstrip('.')} after epoch {self.current_epoch + 1}; lower trainer.learning_rate "
                f"(now {self.learning_rate})."
            ) from error
        self.history.append({"epoch": self.current_epoch + 1} | prefixed("validation", metrics))

    def judge(self) -> dict[str, float]:
        """Return the metrics of the validation part for the weights as they are."""
        was_training = self.model.training
        self.model.eval()
        metrics = self.held_out.metrics(self.model)
        self.model.train(was_training)
        return metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what an epoch has gathered so far."""
        checkpoint["history"] = self.history
        checkpoint["loss_sum"] = self._loss_sum

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.history = checkpoint["history"]
        self._loss_sum = checkpoint["loss_sum"].to(self.device)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Copy a batch to the device, unless it is there already."""
        return batch.to(device) if isinstance(batch, Batch) and device.type != "cpu" else batch
