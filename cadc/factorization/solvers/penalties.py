"""Penalties that a fit chooses by its validation loss: it goes on from where it is under doubled and halved ones."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from torch import Tensor

from cadc.errors import require_at_least
from cadc.factorization.early_stop import EarlyStop

AUTO: Literal["auto"] = "auto"
Penalty = float | Literal["auto"]
"""A penalty, or `auto` for one that validation chooses."""

GAIN_SHARE = 0.3
"""A penalty moves on while a pass gains this share of the fit's tolerance; for biases alone, a hundredth of that."""
CLOSER = 0.1
"""Share of the tolerance at which biases alone stop: their passes are cheap."""
STEPS = (2.0, 0.5)
"""Factors by which penalties are moved."""


def require_penalties(**penalties: Penalty) -> None:
    """Raise a UsageError for a penalty below zero; `auto` passes."""
    require_at_least(0, "factorization", **{name: value for name, value in penalties.items() if value != AUTO})


class Descent(ABC):
    """A fit that is carried out pass by pass, under penalties that may change from pass to pass."""

    passes = 0
    """Number of passes so far."""

    @abstractmethod
    def step(self, penalties: Mapping[str, float]) -> None:
        """Take one pass over all rows, under penalties by their name."""

    def settle(self, penalties: Mapping[str, float]) -> None:  # noqa: B027
        """Learn how certain the parameters are that the fit goes on from, which stay as they are."""

    @abstractmethod
    def loss(self) -> float:
        """Return the mean logloss of the validation rows."""

    @abstractmethod
    def state(self) -> list[Tensor]:
        """Return all that a pass changes; a later pass may overwrite it."""

    @abstractmethod
    def restore(self, state: Sequence[Tensor]) -> None:
        """Go back to a state."""


D = TypeVar("D", bound=Descent)


@dataclass(frozen=True)
class Chosen(Generic[D]):
    """A finished fit.

    Parameters
    ----------
    fit : in the state with the lowest validation loss.
    penalties : those of this state, by name.
    passes : number of all passes, also of biases alone and under penalties that were dropped.
    """

    fit: D
    penalties: dict[str, float]
    passes: int


def fit_penalised(
    make: Callable[[int, D | None], D],
    dim: int,
    asked: Mapping[str, Penalty],
    start: Mapping[str, float],
    stop: EarlyStop,
    beside: float = 1.0,
    goes_on: bool = False,
) -> Chosen[D]:
    """Fit under the penalties that are given, and choose the others by the validation loss.

    The penalty of biases is chosen for biases alone first, whose passes cost little, and the vectors start beside these
    biases: a poor start would decide which penalty of vectors looks best. Then each open penalty in turn is doubled for
    a pass, as long as that gains, or halved.

    Parameters
    ----------
    make : makes a fit of vectors of some length, 0 for biases alone, that starts from the biases of another one.
    dim : length of the vectors.
    asked : penalties by name, `l2_bias` among them, in the order in which they are chosen.
    start : where those that are `auto` start.
    stop : tells when a fit of fixed penalties ends; the choice adds at most as many passes.
    beside : penalty of biases that the choice starts from beside vectors, which carry a part of them, relative to that
        of biases alone.
    goes_on : whether the fit starts from vectors and biases of an earlier one, so that there is no fit of biases alone.
    """
    penalties = {name: start[name] if value == AUTO else float(value) for name, value in asked.items()}
    is_open = [name for name, value in asked.items() if value == AUTO]
    biases, passes, gain = None, 0, GAIN_SHARE * stop.tolerance
    if "l2_bias" in is_open and not goes_on:
        biases = make(0, None)
        loss = descend(biases, penalties, stop.again())
        loss = search(biases, penalties, ["l2_bias"], loss, 0.01 * gain, stop.max_epochs)
        descend(biases, penalties, stop.again(CLOSER), loss)
        passes = biases.passes
        if not dim:
            return Chosen(biases, penalties, passes)
        penalties["l2_bias"] *= beside
    fit = make(dim, biases)
    if goes_on:
        fit.settle(penalties)
    loss = descend(fit, penalties, stop)
    if dim:
        search(fit, penalties, is_open, loss, gain, stop.max_epochs)
    return Chosen(fit, penalties, passes + fit.passes)


def descend(fit: Descent, penalties: Mapping[str, float], stop: EarlyStop, loss: float | None = None) -> float:
    """Take passes until it is time to stop, go back to the best one, and return its validation loss.

    Parameters
    ----------
    fit, penalties, stop : the fit, its penalties, and when it ends.
    loss : of the state that it starts from, if this state may be the best one.
    """
    if loss is not None:
        stop.tell(loss, fit.state())
    while not stop.is_over:
        fit.step(penalties)
        stop.tell(fit.loss(), fit.state())
    fit.restore(stop.best)
    return stop.best_loss


def search(
    fit: Descent, penalties: dict[str, float], names: Sequence[str], loss: float, gain: float, most: int
) -> float:
    """Move some penalties, in place, to where the validation loss falls, and return the lowest loss.

    Each move is a pass from the best state so far. One that does not lower the loss is taken back; one that lowers it
    by less than `gain` is the last in its direction.

    Parameters
    ----------
    fit : in its best state so far; afterwards in the best one that was found.
    penalties : by name.
    names : those to move, one after the other.
    loss : validation loss of the state.
    gain : see above.
    most : most passes.
    """
    best, last = _copied(fit), fit.passes + most
    for name in names:
        for factor in STEPS:
            n_moves = 0
            while fit.passes < last:
                fit.restore(best)
                fit.step(penalties | {name: factor * penalties[name]})
                found = fit.loss()
                gained = loss - found
                if gained > 0:
                    penalties[name], loss, best = factor * penalties[name], found, _copied(fit)
                if not gained > gain:  # also where the loss is NaN
                    break
                n_moves += 1
            if n_moves:
                break
    fit.restore(best)
    return loss


def _copied(fit: Descent) -> list[Tensor]:
    return [value.detach().clone() for value in fit.state()]
