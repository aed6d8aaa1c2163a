"""What an experiment is: arms, seeds and sweeps, the references that arms are held against, and how it is shown."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from cadc.configuration.overrides import MAX_COMBINATIONS, expand, key_of, parse_words
from cadc.errors import UsageError, shown
from cadc.experiment.inapplicable_options import own_options
from cadc.experiment.tuned import Tune, Tuned, lay

FigureKind: TypeAlias = Literal["rate", "time", "dim", "bars", "ratio", "heat"]


@dataclass(frozen=True)
class Cell:
    """One run of an experiment: an arm at one point of its sweep with one seed."""

    arm: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """What the arms of a table are compared with, named before anything is run.

    Parameters
    ----------
    arm : its name.
    rate : of sampling, where the arm has several; None compares each point with the arm's point of the same rate, or
        with its only one.
    metric : that is compared.
    margin : of non-inferiority, in the metric's unit.
    arms : that are compared; empty compares all. Holm runs over those that are.
    rates : at which they are compared; empty takes all. An arm without a rate is compared in any case.
    embedding : of the tables, where the arm has several; None compares each point with the arm's point of the same one,
        or with its only one.
    embeddings : whose points are compared; empty takes all.
    """

    arm: str
    rate: float | None = None
    metric: str = "auc"
    margin: float = 0.002
    arms: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    embedding: str | None = None
    embeddings: tuple[str, ...] = ()

    def __str__(self) -> str:
        arm = self.arm if self.embedding is None else f"{self.arm} with {self.embedding}"
        return arm if self.rate is None else f"{arm} at rate {self.rate:g}"

    @property
    def family(self) -> str:
        """What is compared, in words; the comparisons of one family are tested together."""
        return f"{self.metric} to {self}"

    def concerns(self, arm: str, rate: float | None, embedding: str | None = None) -> bool:
        """Tell whether a point of the table is compared."""
        is_named = (not self.arms or arm in self.arms) and (not self.embeddings or embedding in self.embeddings)
        return is_named and (not self.rates or rate is None or rate in self.rates)


@dataclass(frozen=True)
class Experiment:
    """What `experiment.yaml` says.

    Parameters
    ----------
    name : of its folder.
    title, claim, source : of the table: what it shows, what is claimed, and who claims it.
    common : overrides of all runs.
    seeds : values of `seed`; an arm may set others.
    arms : by name, overrides; `key=a,b` sweeps.
    fast : overrides for a quick look; see `words`.
    references : what the arms are compared with; none compares nothing.
    metrics : of table and figure; empty takes those of the task.
    columns : of the table beside them, see `cadc.reporting.columns`.
    figure : quality against what: `rate`, `time` in all, `dim` of the tables, `ratio` of compression,
        `bars` for arms side by side, or `heat` for rates by ratios.
    choose : what the smallest pair of rows and bytes is chosen against, see `cadc.reporting.selection`; None chooses
        none.
    tune : how its arms are tuned, if they are.
    tuned : the settings that tuning chose.
    study : class and options of what is computed instead of a grid, see `cadc.experiment.analysis`; it has no arms.
    wanted : the arms whose cells are asked for; empty asks for all.
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
    choose: Reference | None = None
    tune: Tune | None = None
    tuned: tuple[Tuned, ...] = ()
    study: Mapping[str, Any] | None = None
    wanted: tuple[str, ...] = ()

    def only(self, arms: Collection[str]) -> "Experiment":
        """Return the experiment with the cells of some of its arms alone.

        Raises
        ------
        UsageError : for an arm that it does not have.
        """
        for name in arms:
            if name not in self.arms:
                near = get_close_matches(name[:100], self.arms, n=3) or list(self.arms)
                raise UsageError(f"{self.name} has no arm {shown(name)}; did you mean {' or '.join(near)}?")
        choose = self.choose if self.choose is not None and self.choose.arm in arms else None
        return replace(self, wanted=tuple(arms), choose=choose)

    def cells(self, overrides: Sequence[str] = (), fast: bool = False) -> list[Cell]:
        """Return every run: arms × sweeps × seeds, each with the settings that tuning chose for its point.

        Parameters
        ----------
        overrides : laid over those of the experiment and of tuning; one of a key that it sets, or sweeps, replaces its
            values. An option that a run's component lacks, and another's of the grid has, does not count for it.
        fast : whether the overrides for a quick look are laid over it first.
        """
        found: list[tuple[str, tuple[str, ...]]] = []
        laid = {key_of(word) for word in (*overrides, *(self.fast if fast else ()))}
        for arm in self.arms:
            combinations = expand(self.words(arm, overrides, fast))
            found += [(arm, lay(self.tuned, arm, words, laid)) for words in combinations]
            if len(found) > MAX_COMBINATIONS:
                raise UsageError(f"{self.name} asks for more than {MAX_COMBINATIONS:,} runs; sweep fewer values.")
        return [Cell(arm, words) for arm, words in own_options(found) if not self.wanted or arm in self.wanted]

    def words(self, arm: str, overrides: Sequence[str] = (), fast: bool = False) -> list[str]:
        """Return the words of an arm, sweeps among them: common ones, seeds, its own, overrides; later ones count.

        A sweep in the overrides for a quick look shortens a sweep of the arm, and leaves a single value, such as the
        rate of full data, alone.
        """
        seeds = f"seed={','.join(map(str, self.seeds))}"
        found = {key_of(word): word for word in (*self.common, seeds, *self.arms[arm])}
        for word in self.fast if fast else ():
            key = key_of(word)
            if not is_sweep(word) or is_sweep(found.get(key, "")):
                found[key] = word
        return list((found | {key_of(word): word for word in overrides}).values())


def is_sweep(word: str) -> bool:
    """Tell whether a word gives several values."""
    return bool(word) and bool(parse_words([word])[0].is_sweep_override())
