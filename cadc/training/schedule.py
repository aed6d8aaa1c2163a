"""The learning rate of each step: constant, or falling along a cosine or a line, after a warm-up."""

import math
from typing import Literal, TypeAlias

from cadc.errors import UsageError

Shape: TypeAlias = Literal["constant", "cosine", "linear"]
"""How the learning rate falls after the warm-up."""


class Schedule:
    """Shares of the learning rate at the steps of a fit.

    The rate rises linearly over the first `warm_up` of the steps. Of the n steps that follow, step t (from 0) has the
    share f + (1 - f) · (1 + cos(π t / n)) / 2 with a cosine (Loshchilov and Hutter, ICLR 2017, equation 5, without
    restarts), and f + (1 - f) · (1 - t / n) with a line, where f is the `final_rate`.

    Parameters
    ----------
    shape : see `Shape`.
    warm_up : share of all steps over which the rate rises; at its k-th step of w it is k / (w + 1) of the rate.
    final_rate : share of the rate that a cosine or a line falls to.

    >>> falling = Schedule("linear", warm_up=0.2, final_rate=0.5)
    >>> [round(falling.share(step, n_steps=10), 3) for step in range(10)]
    [0.333, 0.667, 1.0, 0.938, 0.875, 0.812, 0.75, 0.688, 0.625, 0.562]
    """

    def __init__(self, shape: Shape = "constant", warm_up: float = 0.0, final_rate: float = 0.0) -> None:
        if not 0 <= warm_up < 1:
            raise UsageError(f"trainer.warm_up is {warm_up}; expected a share of all steps in [0, 1).")
        if not 0 <= final_rate <= 1:
            raise UsageError(
                f"trainer.final_rate is {final_rate}; expected a share of trainer.learning_rate in [0, 1]."
            )
        self.shape, self.warm_up, self.final_rate = shape, warm_up, final_rate

    @property
    def is_constant(self) -> bool:
        """Whether all steps have the same rate."""
        return self.shape == "constant" and not self.warm_up

    def share(self, step: int, n_steps: int) -> float:
        """Return the share of the learning rate that a step has.

        Parameters
        ----------
        step : its number, from 0.
        n_steps : steps of the whole fit, if nothing ends it earlier.
        """
        n_rising = round(self.warm_up * n_steps)
        if step < n_rising:
            return (step + 1) / (n_rising + 1)
        done = min(1.0, (step - n_rising) / max(1, n_steps - n_rising))
        if self.shape == "constant":
            return 1.0
        left = (1 + math.cos(math.pi * done)) / 2 if self.shape == "cosine" else 1 - done
        return self.final_rate + (1 - self.final_rate) * left
