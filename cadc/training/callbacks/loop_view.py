"""What a callback of Lightning sees of the training of a run in place of a Trainer."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from cadc.errors import CadcError


class NotInARun(CadcError, AttributeError):
    """A callback asked for a part of a Trainer that the training of a run does not have."""


class LoopView:
    """The attributes of a `pytorch_lightning.Trainer` that the training of a run has.

    Parameters
    ----------
    max_epochs : of the fit.
    optimizer : of the fit.

    Attributes
    ----------
    callback_metrics : `train/loss` and the validation metrics of the last epoch, float32, shape [] each.
    current_epoch : number of the epoch that has just ended, from 0.
    global_step : steps so far.
    should_stop : set by a callback to end the training after this epoch.
    """

    val_check_interval, check_val_every_n_epoch = 1.0, 1
    sanity_checking = fast_dev_run = False
    is_global_zero = training = True
    world_size, global_rank, local_rank = 1, 0, 0
    logger = None

    def __init__(self, max_epochs: int, optimizer: Any) -> None:
        self.max_epochs, self.optimizers = max_epochs, [optimizer]
        self.callback_metrics: dict[str, Tensor] = {}
        self.current_epoch = self.global_step = 0
        self.should_stop = False
        self.loggers: list[Any] = []
        self.state = SimpleNamespace(fn=TrainerFn.FITTING)
        self.strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all=True: decision)

    @property
    def logged_metrics(self) -> dict[str, Tensor]:
        """The metrics of the last epoch."""
        return self.callback_metrics

    def end_epoch(self, row: Mapping[str, float], n_steps: int) -> None:
        """Take the metrics of an epoch, and the number of steps up to its end."""
        self.callback_metrics = {name: torch.tensor(value) for name, value in row.items() if name != "epoch"}
        self.current_epoch, self.global_step = int(row["epoch"]) - 1, n_steps

    def __getattr__(self, name: str) -> Any:
        raise NotInARun(
            f"it asks for trainer.{name}, which the training of a run does not have; fit with cadc.lightning and a "
            "Trainer of your own."
        )
