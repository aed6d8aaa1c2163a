"""What each trial of a study sets: the hand-set default, points that cover the space, then what the sampler proposes.

No trial repeats the run of an earlier one, whether that has ended or not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups, keys_of
from cadc.configuration.override_text import format_value, to_overrides
from cadc.errors import CadcError
from cadc.randomness import derive_seed, numpy_generator
from cadc.tuning.covering import all_points, covering_point, n_points
from cadc.tuning.repeats import trial_jobs
from cadc.tuning.replay import Replay
from cadc.tuning.tuning import DEFAULT, Tuning

ATTEMPTS = 100
"""Draws of a trial, all of which repeat earlier ones, before a small space is searched point by point."""

MAX_POINTS = 2000
"""Points of a space that is searched point by point."""


class Proposals:
    """What the trials of one study set.

    A point of the covering sequence depends on the tuning's seed and the trial's number alone, so that several
    processes, and one that was killed, get the same; which points earlier trials have taken is a function of these too.

    Parameters
    ----------
    tuning : settings of the tuning.
    overrides : common to all trials.
    """

    def __init__(self, tuning: Tuning, overrides: Sequence[str]) -> None:
        self.tuning, self.overrides = tuning, tuple(overrides)
        self._config = compose_config(overrides)
        self._runs: dict[int, str] = {}
        self._ids: dict[tuple[str, ...], str] = {}

    def default(self) -> dict[str, Any]:
        """Return the choices of the space that equal the current settings; a leaf without one is left out."""
        found = {}
        for key, distribution in self.tuning.distributions.items():
            if key in self.tuning.bundles:
                equal = {
                    name: len(values)
                    for name, values in self.tuning.bundles[key].items()
                    if all(format_value(self._current(own)) == format_value(value) for own, value in values.items())
                }
                if equal:
                    found[key] = max(equal, key=lambda name: equal[name])
            elif (value := _inside(distribution, self._current(key))) is not None:
                found[key] = value
        return self._applicable(found)

    def next(self, study: Study, trials: Sequence[FrozenTrial]) -> dict[str, Any] | None:
        """Return what the next trial chooses, by leaf of the space; None if nothing is left that no trial has.

        Parameters
        ----------
        study : as the sampler reads it.
        trials : all earlier ones, waiting ones included, in the order of their numbers.
        """
        taken = set(map(self._run_of, trials))
        for values in self._draws(study, trials):
            if self._run(values) not in taken:
                return values
        return None

    def _draws(self, study: Study, trials: Sequence[FrozenTrial]) -> Iterator[dict[str, Any]]:
        of, number = self.tuning.distributions, len(trials)
        learns_together = self.tuning.chooses_together and not self.tuning.covers(number)
        replay = Replay(self.tuning, trials, self._together()) if learns_together else None
        for attempt in range(ATTEMPTS):
            yield self._applicable(
                self._draw(study, number, attempt) if replay is None else replay.ask(_choice(number, attempt))
            )
        if n_points(of) <= MAX_POINTS:
            for values in all_points(of, numpy_generator(self.tuning.seed, f"trial/{number}/all")):
                yield self._applicable(values)

    def _draw(self, study: Study, number: int, attempt: int) -> dict[str, Any]:
        of = self.tuning.distributions
        if self.tuning.covers(number):
            # Trial 0 is the default.
            return covering_point(of, derive_seed(self.tuning.seed, f"covering/{attempt}"), number - 1)
        trial = create_trial(state=TrialState.RUNNING)
        return {
            key: self.tuning.sampler(_choice(f"{number}/{key}", attempt)).sample_independent(
                study, trial, key, distribution
            )
            for key, distribution in of.items()
        }

    def _together(self) -> list[str]:
        """Return the leaves of the space that every trial has, whichever components it chooses."""
        return [leaf for leaf in self.tuning.distributions if not self.tuning.depends(leaf)]

    def _applicable(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values without options that only other components have than those that the trial chooses."""
        chosen = self.tuning.settings_of(values)
        return {key: value for key, value in values.items() if self._applies(key, chosen)}

    def _applies(self, leaf: str, chosen: Mapping[str, Any]) -> bool:
        if not self.tuning.depends(leaf):
            return True
        group, _, option = leaf.partition(".")
        component = str(chosen.get(group, self._config["choices"][group]))
        return option.partition(".")[0] in keys_of(group, component)

    def _run_of(self, trial: FrozenTrial) -> str:
        if trial.number not in self._runs:
            fixed = trial.params or trial.system_attrs.get("fixed_params", {})
            own = {key: value for key, value in fixed.items() if key in self.tuning.distributions}
            self._runs[trial.number] = self._run({} if DEFAULT in trial.user_attrs else own)
        return self._runs[trial.number]

    def _run(self, values: Mapping[str, Any]) -> str:
        """Return the id of the first run of a trial; its overrides where they are not valid together."""
        overrides = tuple(to_overrides(self.tuning.settings_of(values)))
        if overrides not in self._ids:
            try:
                self._ids[overrides] = trial_jobs([*self.overrides, *overrides], 1)[0].run_id
            except CadcError:
                return " ".join(overrides)
        return self._ids[overrides]

    def _current(self, key: str) -> Any:
        """Return the value of a key in the current settings; None if there is none."""
        if key in groups():
            return self._config["choices"].get(key)
        node: Any = self._config
        for name in key.split("."):
            node = node.get(name) if isinstance(node, Mapping) else None
        return node


def _choice(of: int | str, attempt: int) -> str:
    """Return the name of a draw, which its seed is derived from."""
    return f"{of}/{attempt}" if attempt else str(of)


def _inside(distribution: BaseDistribution, value: Any) -> Any:
    """Return a value as a distribution holds it; None if it does not."""
    if isinstance(distribution, CategoricalDistribution):
        return next((one for one in distribution.choices if format_value(one) == format_value(value)), None)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Optuna asks a logarithmic scale for the place of 0.
    if not distribution.low <= value <= distribution.high:
        return None
    return value if distribution._contains(float(value)) else None
