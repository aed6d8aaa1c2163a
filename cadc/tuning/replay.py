"""What samplers that choose all options of a trial together propose: `gp`, `cmaes` and `nsga2`.

Optuna's samplers keep what they have learned in the study, CMA-ES as a pickle. Here a study in memory repeats the
complete trials in the order of their numbers, so that a proposal is a function of these alone: every process gets the
same, whenever it started, and no pickle is read from a shared database.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from cadc.tuning.tuning import Tuning


class Replay:
    """The complete trials of a study as a sampler learns from them, and what it proposes next.

    Parameters
    ----------
    tuning : settings of the tuning.
    trials : all trials of the study, in the order of their numbers.
    together : options that every trial has; the sampler learns these, and draws others at random.
    """

    def __init__(self, tuning: Tuning, trials: Sequence[FrozenTrial], together: Sequence[str]) -> None:
        self.tuning = tuning
        self._together = {key: tuning.distributions[key] for key in together}
        self._study = optuna.create_study(directions=list(tuning.directions))
        # The current settings may lie outside the space.
        known = [trial for trial in trials if self._together.keys() <= trial.params.keys()]
        complete = [trial for trial in known if trial.state == TrialState.COMPLETE]
        for trial in complete:
            # A Gaussian process has no generations, and points that cover the space are no sample of CMA-ES's.
            if tuning.sampler_name == "gp" or (tuning.sampler_name == "cmaes" and tuning.covers(trial.number)):
                self._add(trial, values=trial.values)
            else:
                self._repeat(trial)
        for trial in known:
            if trial.state == TrialState.RUNNING:
                self._add(trial, state=TrialState.RUNNING)

    def ask(self, choice: str) -> dict[str, Any]:
        """Return what the sampler proposes for the next trial, by leaf of the space.

        Parameters
        ----------
        choice : that the sampler's seed is derived from.
        """
        self._study.sampler = self.tuning.sampler_of_all(choice)
        return dict(self._study.ask(dict(self.tuning.distributions)).params)

    def _repeat(self, trial: FrozenTrial) -> None:
        """Let the sampler choose a trial, which has a place in a generation then, and tell what was run instead."""
        self._study.sampler = self.tuning.sampler_of_all(str(trial.number))
        self._study.enqueue_trial(self._own(trial))
        asked = self._study.ask(dict(self._together))
        assert asked.relative_params is not None  # Optuna leaves the choice out until it is read
        self._study.tell(asked, trial.values)

    def _add(self, trial: FrozenTrial, **outcome: Any) -> None:
        self._study.add_trial(create_trial(params=self._own(trial), distributions=self._together, **outcome))

    def _own(self, trial: FrozenTrial) -> dict[str, Any]:
        return {key: trial.params[key] for key in self._together}
