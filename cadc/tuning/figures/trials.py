"""The trials that a figure of the space shows: complete ones, with their metric and its colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, Normalize
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from cadc.tuning.figures.limits import limits
from cadc.tuning.figures.scale import Scale
from cadc.tuning.study import SharedStudy

MOST = 4
"""Options that are drawn in pairs, the most important ones."""


@dataclass(frozen=True)
class Complete:
    """The complete trials of a study with a single metric.

    Parameters
    ----------
    study : the study.
    importances : share of each option; the options are in its order, and after these in that of the space.
    """

    study: SharedStudy
    importances: dict[str, float]

    @cached_property
    def trials(self) -> list[FrozenTrial]:
        """Complete trials in the order of their numbers."""
        return [trial for trial in self.study.done() if trial.state == TrialState.COMPLETE]

    @property
    def metric(self) -> str:
        """The metric that was tuned."""
        return self.study.tuning.metrics[0]

    @property
    def is_minimised(self) -> bool:
        """Whether low values of the metric are good."""
        return self.study.tuning.directions[0] == "minimize"

    @cached_property
    def scales(self) -> list[Scale]:
        """The axes of all options in which at least two trials differ, the most important ones first."""
        of = self.study.tuning.distributions
        names = dict.fromkeys([*(name for name in self.importances if name in of), *of])
        shown = [Scale(name, of[name]) for name in names]
        return [scale for scale in shown if len(set(scale.places(self.having([scale])))) > 1]

    def having(self, scales: Sequence[Scale]) -> list[FrozenTrial]:
        """Return the trials that hold some options: those of one component may be missing in others."""
        return [trial for trial in self.trials if all(scale.name in trial.params for scale in scales)]

    def values(self, trials: Sequence[FrozenTrial]) -> NDArray[np.float64]:
        """Return the metric of some trials, shape [n]; very bad ones are cut off, as in the history."""
        values = np.array([trial.values[0] for trial in trials], dtype=float)
        return values.clip(*self.limits)

    def ranks(self, trials: Sequence[FrozenTrial]) -> NDArray[np.float64]:
        """Return the place of some trials among all, from 0 for the best to 1, shape [n]."""
        ordered = sorted(self.trials, key=lambda trial: (trial.values[0], trial.number))
        ordered = ordered if self.is_minimised else ordered[::-1]
        places = {trial.number: place for place, trial in enumerate(ordered)}
        return np.array([places[trial.number] for trial in trials]) / max(1, len(ordered) - 1)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The range of the metric that is drawn; very bad trials, which would flatten the others, are at its edge."""
        return limits([trial.values[0] for trial in self.trials], self.study.tuning.directions[0])

    @property
    def norm(self) -> Normalize:
        """The range of the metric that colours span."""
        low, high = self.limits
        return Normalize(low, high if high > low else low + 1e-9)

    @property
    def colours(self) -> Colormap:
        """Colours from dark, which is good, to light; colour-blind readers tell them apart, and print keeps them."""
        return mpl.colormaps["viridis" if self.is_minimised else "viridis_r"]
