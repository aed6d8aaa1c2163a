"""Where the values of an option stand on an axis: numbers as they are or by their logarithm, choices by their place."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from cadc import escape
from cadc.configuration.override_text import format_value

LONGEST = 18
"""Longest text of a choice beside an axis, in characters."""


@dataclass(frozen=True)
class Scale:
    """The axis of one option.

    Parameters
    ----------
    name : key of the option.
    distribution : what its values are drawn from.
    """

    name: str
    distribution: BaseDistribution

    @property
    def is_log(self) -> bool:
        """Whether values stand by their logarithm."""
        of = self.distribution
        return isinstance(of, FloatDistribution | IntDistribution) and of.log

    @property
    def choices(self) -> Sequence[Any] | None:
        """The values of an option without order; None for numbers."""
        return self.distribution.choices if isinstance(self.distribution, CategoricalDistribution) else None

    def places(self, trials: Sequence[FrozenTrial]) -> NDArray[np.float64]:
        """Return where trials stand, shape [n]: numbers (their log10 on a logarithmic scale) or numbers of choices."""
        return np.array([self.place(trial.params[self.name]) for trial in trials], dtype=float)

    def place(self, value: Any) -> float:
        """Return where a value stands."""
        if self.choices is not None:
            return float(self.choices.index(value))
        return math.log10(value) if self.is_log else float(value)

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the axis."""
        if self.choices is not None:
            return -0.5, len(self.choices) - 0.5
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        low, high = float(self.distribution.low), float(self.distribution.high)
        low, high = (math.log10(low), math.log10(high)) if self.is_log else (low, high)
        margin = 0.04 * (high - low) or 0.5
        return low - margin, high + margin

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield places and texts of marks along the axis."""
        if self.choices is not None:
            for place, choice in enumerate(self.choices):
                yield place, _short(format_value(choice))
            return
        low, high = self.limits
        if self.is_log:
            powers = np.arange(np.ceil(low), np.floor(high) + 1)
            places = powers if len(powers) > 1 else np.linspace(low, high, 4)[1:-1]
            yield from ((place, f"{10**place:.2g}") for place in places)
        else:
            yield from ((place, f"{place:.3g}") for place in np.linspace(low, high, 5)[1:-1])

    def label(self, axes: Axes, along: str) -> None:
        """Write name, limits and marks beside the x or y axis of a panel.

        Parameters
        ----------
        axes : the panel.
        along : `x` or `y`.
        """
        places, texts = zip(*self.ticks(), strict=True)
        if along == "x":
            axes.set_xlim(*self.limits)
            slanted: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(places, texts, **(slanted if self.choices is not None else {}))
            axes.set_xlabel(escape.figure(self.name))
        else:
            axes.set_ylim(*self.limits)
            axes.set_yticks(places, texts)
            axes.set_ylabel(escape.figure(self.name))


def _short(text: str) -> str:
    return escape.figure(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
