"""Lightning's early stopping, by any metric of an epoch."""

from typing import Literal

from pytorch_lightning import callbacks as of_lightning

from cadc.errors import UsageError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import VALIDATION
from cadc.evaluation.saved_tables import SAVED


class EarlyStopping(of_lightning.EarlyStopping):
    """Ends the training once a metric has not improved for some epochs, or passes a threshold.

    The weights that are kept are those of the best epoch in any case; `trainer.patience` ends the training as well
    unless it is null.

    Parameters
    ----------
    monitor : a metric of each epoch, such as `val/auc`, or `train/loss`.
    patience : epochs without an improvement after which training ends.
    min_delta : least change that counts as an improvement.
    mode : whether the metric is to be small or large; `auto` knows it.
    stopping_threshold : a value that is good enough; None for none.
    divergence_threshold : a value so bad that training ends; None for none.

    Raises
    ------
    UsageError : for a metric that no epoch has.
    """

    def __init__(
        self,
        monitor: str = "val/logloss",
        patience: int = 3,
        min_delta: float = 0.0,
        mode: Literal["auto", "min", "max"] = "auto",
        stopping_threshold: float | None = None,
        divergence_threshold: float | None = None,
    ) -> None:
        names = {f"{VALIDATION}{name}": name for saved in SAVED.values() for name in saved.each_epoch}
        if monitor not in names and monitor != "train/loss":
            raise UsageError(
                f"trainer.callbacks.early_stopping.monitor is {monitor!r}; choose one of {', '.join(names)}, "
                "train/loss."
            )
        is_score = monitor in names and metric(names[monitor]).higher_is_better
        super().__init__(
            monitor,
            min_delta=min_delta,
            patience=patience,
            mode=mode if mode != "auto" else "max" if is_score else "min",
            stopping_threshold=stopping_threshold,
            divergence_threshold=divergence_threshold,
        )
