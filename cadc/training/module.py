"""The Lightning module around any model that maps a batch to logits."""

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.data.log import Batch
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import CadcError
from cadc.evaluation.auc import auc
from cadc.evaluation.logloss import logloss


class RecommenderModule(pl.LightningModule):
    """Fits a model by binary cross-entropy on logits, with Adam.

    Parameters
    ----------
    model : maps a `Batch` to logits, shape [B].
    learning_rate : of Adam.
    weight_decay_tables, weight_decay_mlp : L2 penalties added to the gradients of embedding tables and of the rest.
    """

    def __init__(
        self, model: nn.Module, learning_rate: float, weight_decay_tables: float, weight_decay_mlp: float
    ) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        self.weight_decay_tables = weight_decay_tables
        self.weight_decay_mlp = weight_decay_mlp
        self._loss_sum = torch.zeros(())
        self._held_out: list[tuple[Tensor, Tensor]] = []
        self.history: list[dict[str, float]] = []
        """A row an epoch: number, training loss and validation metrics."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Put tables and other weights into groups of their own, frozen ones into none."""
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
            {"params": tables, "weight_decay": self.weight_decay_tables},
            {"params": others, "weight_decay": self.weight_decay_mlp},
        ]
        return torch.optim.Adam([group for group in groups if group["params"]], lr=self.learning_rate, fused=True)

    def on_train_epoch_start(self) -> None:
        """Forget the losses of the epoch before."""
        self._loss_sum = torch.zeros((), device=self.device)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean loss of a batch."""
        loss = binary_cross_entropy_with_logits(self.model(batch), batch.label)
        self._loss_sum += loss.detach()
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

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the epoch before."""
        self._held_out = []

    def validation_step(self, batch: Batch, index: int) -> None:
        """Keep the scores of a batch, so that metrics see all rows at once."""
        self._held_out.append((self.model(batch).cpu().double().sigmoid(), batch.label.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Note logloss and AUC over all validation rows."""
        probability, label = (torch.cat(parts).numpy() for parts in zip(*self._held_out, strict=True))
        if np.isnan(probability).any():
            raise CadcError(
                f"the network's scores are NaN in epoch {self.current_epoch + 1}; lower trainer.learning_rate "
                f"(now {self.learning_rate})."
            )
        metrics = {"auc": auc(label, probability), "logloss": logloss(label, probability)}
        self.history.append({"epoch": self.current_epoch + 1} | {f"val/{name}": metrics[name] for name in metrics})

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
        return batch if device.type == "cpu" else batch.to(device)
