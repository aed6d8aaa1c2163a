"""Experiments: arms, seeds and sweeps, the references that arms are compared with, and what table and figure show."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from cadc.configuration.overrides import MAX_COMBINATIONS, expand, key_of, parse_overrides
from cadc.errors import UsageError, shown
from cadc.experiment.checks import nearest
from cadc.experiment.claims import Claim
from cadc.experiment.inapplicable_options import without_inapplicable_options
from cadc.experiment.published import Published
from cadc.experiment.references import Choosing, Reference
from cadc.experiment.tune import Tune
from cadc.experiment.tuned import Tuned, with_tuned

FigureKind: TypeAlias = Literal[
    "rate", "time", "dim", "bytes", "bars", "differences", "heat", "segments", "sizes", "held", "regret", "split"
]


@dataclass(frozen=True)
class Cell:
    """One run of an experiment: an arm at one point of its sweep with one seed."""

    arm: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """The content of an `experiment.yaml`.

    Parameters
    ----------
    name : name of its folder.
    title, claim, source : what the table shows, what is claimed, and who claims it.
    common : overrides of all runs.
    seeds : values of `seed`; an arm may set others.
    arms : overrides by name of the arm; `key=a,b` sweeps.
    fast : overrides for a quick look; see `overrides_of`.
    references : what the arms are compared with; empty compares nothing.
    metrics : metrics of table and figure; empty takes those of the task.
    columns : further columns of the table, see `cadc.experiment.columns`.
    figure : x-axis of the figure: sampling `rate`, total `time`, `dim` or measured `bytes` of the tables; `bars` puts
        arms below one another, `differences` their differences to the references, `heat` shows rates by ratios. Of
        streams, `segments` draws quality by segment, `regret` and `held` regret and bytes, `sizes` sizes by frequency,
        `split` quality over the share of the budget that rows of the log may take.
    figure_against : arms of the references whose differences the figure shows; empty shows all.
    choose : how the smallest pair of rows and bytes is chosen; None chooses none.
    tune : how its arms are tuned; None tunes none.
    tuned : the settings that tuning chose.
    published : figures of others that stand beside those of the table.
    claims : what is claimed, each with what tests it.
    analysis : class and options of what is computed instead of a grid, see `cadc.experiment.analysis`; then there are
        no arms.
    wanted : arms whose cells are run; empty runs all.
    """

    name: str
    title: str
    claim: str
    source: str
    common: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: Mapping[str, tuple[str, ...]]
    fast: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    metrics: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    figure: FigureKind = "rate"
    figure_against: tuple[str, ...] = ()
    choose: Choosing | None = None
    tune: Tune | None = None
    tuned: tuple[Tuned, ...] = ()
    published: tuple[Published, ...] = ()
    claims: tuple[Claim, ...] = ()
    analysis: Mapping[str, Any] | None = None
    wanted: tuple[str, ...] = ()

    def only(self, arms: Collection[str]) -> "Experiment":
        """Return the experiment restricted to the cells of some of its arms.

        Raises
        ------
        UsageError : for an unknown arm.
        """
        for name in arms:
            if name not in self.arms:
                raise UsageError(f"{self.name} has no arm {shown(name)}; {nearest(name, self.arms)}")
        choose = self.choose if self.choose is not None and self.choose.references[0].arm in arms else None
        return replace(self, wanted=tuple(arms), choose=choose)

    def cells(self, overrides: Sequence[str] = (), fast: bool = False) -> list[Cell]:
        """Return every run: arms × sweeps × seeds, each with the settings that tuning chose for its point.

        Parameters
        ----------
        overrides : take precedence over those of the experiment and of tuning: an override replaces the value, or
            sweep, of its key. An option that only other components of the grid have is ignored for a run.
        fast : whether the overrides for a quick look are applied first.
        """
        found: list[tuple[str, tuple[str, ...]]] = []
        by_hand = {key_of(text) for text in (*overrides, *(self.fast if fast else ()))}
        for arm in self.arms:
            combinations = expand(self.overrides_of(arm, overrides, fast))
            found += [(arm, with_tuned(self.tuned, arm, combination, by_hand)) for combination in combinations]
            if len(found) > MAX_COMBINATIONS:
                raise UsageError(f"{self.name} asks for more than {MAX_COMBINATIONS:,} runs; sweep fewer values.")
        kept = without_inapplicable_options(found)
        return [Cell(arm, combination) for arm, combination in kept if not self.wanted or arm in self.wanted]

    def overrides_of(self, arm: str, overrides: Sequence[str] = (), fast: bool = False) -> list[str]:
        """Return the overrides of an arm, with sweeps: common ones, seeds, its own, then `overrides`; the last counts.

        A sweep among the overrides for a quick look replaces a sweep of the arm, but not a single value, such as the
        rate of full data.
        """
        seeds = f"seed={','.join(map(str, self.seeds))}"
        found = {key_of(text): text for text in (*self.common, seeds, *self.arms[arm])}
        for text in self.fast if fast else ():
            key = key_of(text)
            if not is_sweep(text) or is_sweep(found.get(key, "")):
                found[key] = text
        return list((found | {key_of(text): text for text in overrides}).values())


def is_sweep(override: str) -> bool:
    """Return whether an override gives several values."""
    return bool(override) and bool(parse_overrides([override])[0].is_sweep_override())
