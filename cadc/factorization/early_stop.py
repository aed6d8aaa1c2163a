"""Early stopping of a fit, when its validation loss no longer falls."""

from collections.abc import Sequence

from torch import Tensor

from cadc.errors import CadcError


class EarlyStop:
    """Keeps the state with the lowest validation loss, and tells when to stop.

    Parameters
    ----------
    max_epochs : most epochs.
    patience : epochs without a gain after which the fit stops.
    tolerance : a gain is a loss that is lower than the best one by more than this.
    advice : end of the message for a loss that is NaN: what the user should do.
    min_epochs : fewest epochs, unless `max_epochs` is lower.

    Examples
    --------
    >>> import torch
    >>> stop = EarlyStop(max_epochs=10, patience=1)
    >>> for loss in (0.7, 0.6, 0.65):
    ...     stop.tell(loss, [torch.tensor(loss)])
    >>> stop.is_over, stop.epoch, stop.best_loss
    (True, 3, 0.6)
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

    def again(self, closer: float = 1.0) -> "EarlyStop":
        """Return a new one with the same options, with the tolerance times `closer`."""
        return EarlyStop(self.max_epochs, self.patience, closer * self.tolerance, self.advice, self.min_epochs)

    @property
    def is_over(self) -> bool:
        """Whether the fit should stop."""
        has_lost_patience = self.epoch - self._reference_epoch >= self.patience and self.epoch >= self.min_epochs
        return self.epoch >= self.max_epochs or has_lost_patience

    def tell(self, loss: float, state: Sequence[Tensor]) -> None:
        """Report the validation loss after one more epoch; the state is copied if it is the best so far.

        Raises
        ------
        CadcError : if the loss is NaN.
        """
        self.epoch += 1
        if loss != loss:
            raise CadcError(f"the factorisation's loss is NaN in epoch {self.epoch}; {self.advice}")
        if loss < self.best_loss or not self.best:
            self.best, self.best_loss = [value.detach().clone() for value in state], loss
        if loss < self._reference - self.tolerance:
            self._reference, self._reference_epoch = loss, self.epoch
