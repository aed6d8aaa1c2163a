"""The Lightning module of a run: evaluated on the validation part after each epoch, resumable within an epoch."""

from collections.abc import Mapping
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
    """Fits a model for `Fit`, and keeps a row of metrics for each epoch.

    Parameters
    ----------
    model : whose `loss` of a batch is minimised.
    held_out : the validation part that each epoch is evaluated on.
    learning_rate, weight_decay_tables, weight_decay_mlp, lazy_tables, shares : see `AdamModule`.
    """

    def __init__(
        self,
        model: Model,
        held_out: HeldOut,
        learning_rate: float,
        weight_decay_tables: float,
        weight_decay_mlp: float,
        lazy_tables: bool = False,
        shares: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(model, learning_rate, weight_decay_tables, weight_decay_mlp, lazy_tables, shares)
        self.held_out = held_out
        self._loss_sum = torch.zeros(())
        self.history: list[dict[str, float]] = []
        """One row per epoch: its number, training loss and validation metrics."""

    def on_train_epoch_start(self) -> None:
        """Reset the sum of losses."""
        self._loss_sum = torch.zeros((), device=self.device)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the mean loss of a batch, penalties included."""
        loss = self.mean_loss(batch)
        self._loss_sum += loss.detach()
        return self.penalised(loss)

    def on_train_epoch_end(self) -> None:
        """Store the mean loss of the epoch.

        Raises
        ------
        CadcError : if it is not finite.
        """
        mean = float(self._loss_sum) / max(1, int(self.trainer.num_training_batches))
        if mean != mean or mean == float("inf"):
            raise CadcError(
                f"the training loss is {mean} in epoch {self.current_epoch + 1}; lower trainer.learning_rate "
                f"(now {self.learning_rate})."
            )
        self.history[-1]["train/loss"] = mean

    def validation_step(self, batch: Any, index: int) -> None:
        """Store the metrics of the whole validation part, which is one step.

        Raises
        ------
        DataError : if a metric is undefined for the rows that are read.
        CadcError : if a prediction is NaN or infinite.
        """
        try:
            metrics = self.held_out.metrics(self.model)
        except DataError as error:
            # The whole part has both labels, which was checked before training.
            raise DataError(
                f"in the share of the validation part that is read, {error} Raise trainer.validation_rate."
            ) from error
        except CadcError as error:
            raise CadcError(
                f"{str(error).rstrip('.')} after epoch {self.current_epoch + 1}; lower trainer.learning_rate "
                f"(now {self.learning_rate})."
            ) from error
        self.history.append({"epoch": self.current_epoch + 1} | prefixed("validation", metrics))

    def judge(self) -> dict[str, float]:
        """Return the metrics of the validation part for the current weights."""
        was_training = self.model.training
        self.model.eval()
        metrics = self.held_out.metrics(self.model)
        self.model.train(was_training)
        return metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the history, and the sum of losses of an epoch that is not finished."""
        checkpoint["history"] = self.history
        checkpoint["loss_sum"] = self._loss_sum

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore what `on_save_checkpoint` added."""
        self.history = checkpoint["history"]
        self._loss_sum = checkpoint["loss_sum"].to(self.device)
