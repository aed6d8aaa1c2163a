"""The Lightning module of a run: judged on its held-out part once an epoch, resumable inside one."""

from typing import Any

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.errors import CadcError, DataError
from cadc.evaluation.prefixes import prefixed
from cadc.evaluation.tasks import HeldOut
from cadc.models.model import Model
from cadc.training.adam_module import AdamModule


class FitModule(AdamModule):
    """Fits a model for `Fit`, and notes a row of metrics an epoch.

    Parameters
    ----------
    model : whose `loss` of a batch is minimised.
    held_out : what an epoch is judged by.
    learning_rate, weight_decay_tables, weight_decay_mlp, lazy_tables : see `AdamModule`.
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
        super().__init__(model, learning_rate, weight_decay_tables, weight_decay_mlp, lazy_tables)
        self.held_out = held_out
        self._loss_sum = torch.zeros(())
        self.history: list[dict[str, float]] = []
        """A row an epoch: number, training loss and validation metrics."""

    def on_train_epoch_start(self) -> None:
        """Forget the losses of the epoch before."""
        self._loss_sum = torch.zeros((), device=self.device)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean loss of a batch."""
        loss = self.mean_loss(batch)
        self._loss_sum += loss.detach()
        return self.penalised(loss)

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
