"""When a fit has done enough: its validation logloss no longer falls."""

from collections.abc import Sequence

from torch import Tensor

from cadc.errors import CadcError


class EarlyStop:
    """Keeps the state with the lowest validation logloss, and says when to stop.

    Parameters
    ----------
    max_epochs : upper bound.
    patience : epochs in a row that may go by without a gain.
    tolerance : a logloss that is not lower by this much is no gain.
    advice : what to do where the logloss is NaN.
    min_epochs : epochs that are taken in any case, as far as `max_epochs` allows.
    """

    def __init__(
        self, max_epochs: int, patience: int, tolerance: float = 0.0, advice: str = "", min_epochs: int = 1
    ) -> None:
        self.max_epochs, self.patience, self.tolerance, self.advice = max_epochs, patience, tolerance, advice
        self.min_epochs = min_epochs
        self.epoch = 0
        self.best: list[Tensor] = []
        self.best_loss = float("inf")
        self._reference, self._reference_epoch = float("inf"), 0

    @property
    def is_over(self) -> bool:
        """Whether the fit should stop."""
        has_lost_patience = self.epoch - self._reference_epoch >= self.patience and self.epoch >= self.min_epochs
        return self.epoch >= self.max_epochs or has_lost_patience

    def tell(self, loss: float, state: Sequence[Tensor]) -> None:
        """Take the validation logloss after one more epoch, and copy the state if it is the best.

        Raises
        ------
        CadcError : where the loss is NaN.
        """
        self.epoch += 1
        if loss != loss:
            raise CadcError(f"the factorisation's loss is NaN in epoch {self.epoch}; {self.advice}")
        if loss < self.best_loss or not self.best:
            self.best, self.best_loss = [value.detach().clone() for value in state], loss
        if loss < self._reference - self.tolerance:
            self._reference, self._reference_epoch = loss, self.epoch
