"""The weights of the epoch with the best validation metric, and when to stop looking for better ones."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cadc.evaluation.metrics.metric import Metric
from cadc.training.trained_state import trained_state


class BestEpoch:
    """Keeps the weights of the best epoch, and says when training no longer improves.

    Parameters
    ----------
    monitor : the metric that epochs are compared by.
    patience : number of epochs without an improvement after which training is over; None never ends it.
    grace_steps : steps up to which training goes on before an epoch is better than a prediction without information.
    uninformed : metric of such a prediction, see `cadc.training.uninformed.uninformed_metric`.
    """

    def __init__(
        self, monitor: Metric, patience: int | None, grace_steps: int = 0, uninformed: float | None = None
    ) -> None:
        self.monitor, self.patience = monitor, patience
        self.grace_steps, self.uninformed = grace_steps, uninformed
        self.epoch = 0
        self.metrics: dict[str, float] = {}
        self.weights: dict[str, Tensor] = {}

    def compare(self, epoch: int, metrics: Mapping[str, float], model: nn.Module) -> None:
        """Keep the weights of a model if its metrics are the best so far.

        Parameters
        ----------
        epoch : its number; 0 for initial weights.
        metrics : of the validation part.
        model : as it is after the epoch.
        """
        name = self.monitor.name
        if not self.weights or self._is_better(metrics[name], self.metrics[name]):
            self.epoch, self.metrics = epoch, dict(metrics)
            # A copy, since training goes on changing the weights, and on the CPU to save memory of the GPU.
            self.weights = {
                name: torch.empty_like(value, device="cpu").copy_(value) for name, value in trained_state(model).items()
            }

    def is_over(self, epoch: int, n_steps: int = 0) -> bool:
        """Tell whether training is over.

        Parameters
        ----------
        epoch, n_steps : finished epochs, and their steps.
        """
        if not self.weights or self.patience is None or epoch - self.epoch < self.patience:
            return False
        return n_steps >= self.grace_steps or self._is_informed

    @property
    def _is_informed(self) -> bool:
        return self.uninformed is None or self._is_better(self.metrics[self.monitor.name], self.uninformed)

    def _is_better(self, value: float, other: float) -> bool:
        return value > other if self.monitor.higher_is_better else value < other

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"epoch": self.epoch, "metrics": self.metrics, "weights": self.weights}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.epoch, self.metrics = state_dict["epoch"], state_dict["metrics"]
        self.weights = state_dict["weights"]
