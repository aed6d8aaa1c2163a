"""The cost and the outcome of a fit."""

from dataclasses import dataclass

from cadc.training.fit_state import History


@dataclass(frozen=True)
class FitResult:
    """The cost and the outcome of a fit.

    Parameters
    ----------
    seconds : wall time, validation included; after an interruption also the time up to the last checkpoint.
    epochs : number of epochs begun.
    best_epoch : epoch whose weights were kept, from 1; 0 for the initial weights.
    examples_per_s : training rows per second of `seconds`.
    validation : metrics of the kept weights, such as `auc` and `logloss`.
    n_validation : number of validation rows that were read.
    optimizer_bytes : size of the optimiser's state.
    history : one row per epoch.
    remark : what to do where the kept weights are no better than chance on validation; None where they are.
    fleet : number of arms that were trained together, see `cadc.training.fleet`; `seconds` are then the arm's share.
    """

    seconds: float
    epochs: int
    best_epoch: int
    examples_per_s: float
    validation: dict[str, float]
    n_validation: int
    optimizer_bytes: int
    history: History
    remark: str | None = None
    fleet: int = 1
