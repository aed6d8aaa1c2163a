"""The Lightning module for a `pytorch_lightning.Trainer` of your own."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.plugins import MixedPrecision
from pytorch_lightning.utilities.rank_zero import rank_zero_warn
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from cadc.api.parts import parts_of
from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.errors import UsageError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import VALIDATION, prefixed
from cadc.evaluation.ranking import rows_before
from cadc.evaluation.saved_tables import SAVED
from cadc.evaluation.tasks import HeldOutRanks, require_numbers
from cadc.models.model import Model
from cadc.training.lazy_adam import LazyAdam
from cadc.training.objective import Objective
from cadc.training.optimizers import LazyTables, skips_rows, weight_groups, with_sparse_gradients
from cadc.training.schedule import Schedule, Shape


class RecommenderModule(pl.LightningModule):
    """Fits any `Model` with Adam in any Trainer, with loggers, callbacks and devices of your own.

    It logs `train/loss` once an epoch, and at each validation and test `auc` and `logloss` of all rows, such as
    `val/auc`, for `EarlyStopping("val/logloss")` or `ModelCheckpoint(monitor="val/auc", mode="max")`. With several
    devices, scores are gathered by the numbers of their rows before a metric is computed. `predict` gives
    probabilities. Under mixed precision weights, loss and metrics stay in float32.

    A checkpoint holds the overrides that the model was made of: `RecommenderModule.load_from_checkpoint(path)` makes it
    again, with the data at hand. A model of your own has none, and is given: `load_from_checkpoint(path, model=model)`.

    The runs of `cadc.run` are fitted by `cadc.training.Fit`, which keeps the best epoch, resumes and records them.

    Parameters
    ----------
    model : maps a `cadc.data.Batch` to logits, shape [B], see `cadc.models.Model`; None makes that of `overrides`.
    learning_rate : of Adam.
    weight_decay_tables : L2 penalty on the vectors that a batch looks up, see `VectorPenalty`.
    weight_decay_mlp : L2 penalty added to the gradients of the other weights.
    lazy_tables : whether a step skips the rows of uncompressed tables that its batch does not look up, see
        `cadc.training.optimizers.skips_rows`.
    ranked : log whose held-out items are ranked among all items: `val/ndcg@10` and its siblings are then logged in
        place of AUC and logloss, and `predict` gives scores. Models that suit ranking alone need it.
    shares : share of the training rows that hold each value, float, shape [vocabulary size], by field; None takes
        that of each batch.
    schedule, warm_up, final_rate : how the learning rate changes over all steps of the Trainer, see
        `cadc.training.schedule.Schedule`.
    overrides : that the model is made of, such as `"data=ml-1m"`; not used where a model is given.

    Raises
    ------
    UsageError : without model and overrides, for a wrong override, or for a model that ranks without its log.

    >>> import pytorch_lightning as pl  # doctest: +SKIP
    >>> module, data = cadc.lightning("data=ml-1m", "sampler.rate=0.1")  # doctest: +SKIP
    >>> trainer = pl.Trainer(max_epochs=10, callbacks=[EarlyStopping("val/logloss")])  # doctest: +SKIP
    >>> trainer.fit(module, data)  # doctest: +SKIP
    >>> trainer.test(module, data)  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Model | None = None,
        learning_rate: float = 3e-3,
        weight_decay_tables: float = 3e-4,
        weight_decay_mlp: float = 1e-4,
        lazy_tables: LazyTables = False,
        ranked: InteractionLog | None = None,
        shares: Mapping[str, Tensor] | None = None,
        schedule: Shape = "constant",
        warm_up: float = 0.0,
        final_rate: float = 0.0,
        overrides: Sequence[str] = (),
    ) -> None:
        super().__init__()
        overrides = list(overrides)
        if model is None:
            if not overrides:
                raise UsageError(
                    "there is neither a model nor overrides to make one of; give the model of a checkpoint without "
                    "overrides: RecommenderModule.load_from_checkpoint(path, model=model)."
                )
            parts = parts_of(overrides)
            model, ranked, shares = parts.model, parts.ranked, parts.shares()
        if model.task == "ranking" and ranked is None:
            raise UsageError(f"{type(model).__name__} ranks items; give the log whose items it ranks: ranked=data.log.")
        # Plain values, for loggers and for `load_from_checkpoint`.
        self.save_hyperparameters(ignore=["model", "ranked", "shares"])
        self.model, self.learning_rate = model, learning_rate
        self.weight_decay_mlp, self.lazy_tables = weight_decay_mlp, lazy_tables
        self.ranked, self.schedule = ranked, Schedule(schedule, warm_up, final_rate)
        self._objective = Objective(model, weight_decay_tables, shares)
        self._seen: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def forward(self, batch: Batch) -> Tensor:
        """Return the model's logit, or score, of each row of a batch, shape [B]."""
        found: Tensor = self.model(batch)
        return found

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return Adam with a group of weights that it decays, and one that it does not; and its schedule, if any."""
        if skips_rows(self.model, self.lazy_tables):
            with_sparse_gradients(self.model)
        # A fused step would take the scaling of 16-bit gradients upon itself, which leaves out rows and cannot clip.
        fused = not isinstance(self.trainer.precision_plugin, MixedPrecision)
        # Which is Adam where gradients are dense.
        optimizer = LazyAdam(weight_groups(self.model, self.weight_decay_mlp), lr=self.learning_rate, fused=fused)
        if self.schedule.is_constant:
            return optimizer
        n_steps = self.trainer.estimated_stepping_batches
        if n_steps == float("inf"):
            raise UsageError(
                "the Trainer has no last step, and the learning rate is scheduled over all steps; give it max_epochs "
                'or max_steps, or the module schedule="constant" without warm_up.'
            )
        rate = LambdaLR(optimizer, lambda step: self.schedule.share(step, int(n_steps)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def on_fit_start(self) -> None:
        """Warn of callbacks that would keep the worst epoch: Lightning compares by `mode="min"` unless it is told."""
        modes = self._modes()
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, EarlyStopping | ModelCheckpoint) and callback.mode != modes.get(
                callback.monitor or "", callback.mode
            ):
                name, right = f'{type(callback).__name__}("{callback.monitor}")', modes[str(callback.monitor)]
                rank_zero_warn(f'{name} has mode="{callback.mode}" and looks for the worst epoch; set mode="{right}".')

    def _modes(self) -> dict[str, str]:
        """Return the mode of callbacks that suits each metric that is logged, by its name."""
        logged = SAVED["ctr" if self.ranked is None else "ranking"].each_epoch
        return {f"{VALIDATION}{name}": "max" if metric(name).higher_is_better else "min" for name in logged}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Copy a batch to the device, unless it is there already."""
        return batch.to(device) if isinstance(batch, Batch) and device.type != "cpu" else batch

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Log and return the mean loss of a batch."""
        loss = self._objective.mean_loss(batch)
        self.log(
            "train/loss",
            loss.detach(),
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            sync_dist=True,
            batch_size=len(batch),
        )
        return self._objective.penalised(loss)

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the epoch before."""
        self._seen = []

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: Batch, index: int) -> None:
        """Score a batch; the metrics are those of all rows."""
        if self.ranked is None:
            self._seen.append((self(batch).float(), batch.label, batch.row))

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the validation part; the few rows of Lightning's check before training have none."""
        if not self.trainer.sanity_checking:
            self._log_metrics("validation", self.trainer.val_dataloaders)

    def on_test_epoch_end(self) -> None:
        """Log the metrics of the test part."""
        self._log_metrics("test", self.trainer.test_dataloaders)

    def on_predict_start(self) -> None:
        """Have a model that ranks know what was known at the test."""
        self._remember("test")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the histories of the part whose sizes the checkpoint has, so that its own fit in their place."""
        sizes = {name: value.shape for name, value in checkpoint["state_dict"].items()}
        for split in ("validation", "test"):
            self._remember(split)
            if all(sizes.get(name) == value.shape for name, value in self.named_buffers() if name in sizes):
                return

    def predict_step(self, batch: Batch, index: int) -> Tensor:
        """Return the probability of label 1 of each row, or a score where items are ranked: float64 on the CPU, [B]."""
        scores: Tensor = self(batch).cpu().double()
        return scores if self.ranked is not None else scores.sigmoid()

    def _log_metrics(self, split: str, loaders: object) -> None:
        if self.ranked is not None:
            self._remember(split)
            found = HeldOutRanks(self.ranked, split).metrics(self.model)
        else:
            logits, labels = self._gathered(loaders)
            require_numbers(logits.numpy(), split)
            probability = logits.double().sigmoid().numpy()
            rows = pd.DataFrame({"label": labels.numpy(), "probability": probability})
            found = {name: metric(name).value(rows) for name in SAVED["ctr"].each_epoch}
        self._seen = []
        self.log_dict(prefixed(split, found), prog_bar=True, sync_dist=True)

    def _remember(self, split: str) -> None:
        """Have a model that ranks know what was known at a part, with histories that a checkpoint can be read into."""
        if self.ranked is not None:
            with torch.inference_mode(False):
                self.model.remember(self.ranked, rows_before(self.ranked, split))

    def _gathered(self, loaders: object) -> tuple[Tensor, Tensor]:
        """Return logits and labels of all rows, those of other devices included, each once, on the CPU, shape [n]."""
        logits, labels = (torch.cat(part) for part in list(zip(*self._seen, strict=True))[:2])
        if self.trainer.world_size == 1:
            return logits.cpu(), labels.cpu()
        rows = [row for *_, row in self._seen if row is not None]
        if rows:
            row, logits, labels = (self._of_all(values) for values in (torch.cat(rows).long(), logits, labels))
            # Whoever dealt them out may have repeated some, as Lightning does for those that do not come out even.
            order = torch.argsort(row, stable=True)
            is_first = torch.cat([torch.ones(1, dtype=torch.bool), row[order].diff() > 0])
            return logits[order[is_first]], labels[order[is_first]]
        # Rows without numbers are dealt out in turn, and the first ones once more where they do not come out even.
        in_turn = [self._stacked(values).T.flatten().cpu() for values in (logits, labels)]
        n = len(loaders.dataset) if isinstance(loaders, DataLoader) and isinstance(loaders.dataset, Sized) else None
        return in_turn[0][:n], in_turn[1][:n]

    def _of_all(self, values: Tensor) -> Tensor:
        """Return the values of all devices one after the other, on the CPU."""
        n_each = self._stacked(torch.tensor([len(values)], device=values.device)).flatten().tolist()
        padded = torch.cat([values, values.new_zeros(max(n_each) - len(values))])
        parts = self._stacked(padded).cpu()
        return torch.cat([part[:n] for part, n in zip(parts, n_each, strict=True)])

    def _stacked(self, values: Tensor) -> Tensor:
        found = self.all_gather(values)
        assert isinstance(found, Tensor)
        return found
