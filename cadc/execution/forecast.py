"""What a grid would take: its finished runs, and the time of the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cadc.execution.recorded_costs import LIKENESS, Cost, seconds_of_stages
from cadc.terminal.counted import counted


@dataclass
class ArmForecast:
    """What an arm would take.

    Parameters
    ----------
    runs, finished : number of all its runs, and of those that are finished in the ledger or by records in results.
    seconds : of the runs that are left, without the stages that runs share, as far as records tell.
    unknown : number of the runs that are left of whose data there is no record.
    """

    runs: int = 0
    finished: int = 0
    seconds: float = 0.0
    unknown: int = 0

    @property
    def left(self) -> int:
        """Number of runs that are not finished."""
        return self.runs - self.finished


@dataclass
class Forecast:
    """What a grid would take.

    Parameters
    ----------
    arms : by name.
    costs : of the records that times rest on.
    bases : number of runs that are left by what their time rests on.
    without_record : names of data sets that no record has read.
    again : number of runs with committed records whose scores are needed, so that they are carried out again.
    """

    arms: dict[str, ArmForecast]
    costs: set[Cost] = field(default_factory=set)
    bases: Counter[str] = field(default_factory=Counter)
    without_record: dict[str, None] = field(default_factory=dict)
    again: int = 0

    @property
    def runs(self) -> int:
        """Number of runs."""
        return sum(arm.runs for arm in self.arms.values())

    @property
    def left(self) -> int:
        """Number of runs that are not finished."""
        return sum(arm.left for arm in self.arms.values())

    @property
    def unknown(self) -> int:
        """Number of runs whose time is not known."""
        return sum(arm.unknown for arm in self.arms.values())

    @property
    def shared_seconds(self) -> float:
        """Seconds of the stages that runs share."""
        return seconds_of_stages(self.costs)

    @property
    def seconds(self) -> float:
        """Seconds of the runs that are left, one after the other, as far as records tell."""
        return sum(arm.seconds for arm in self.arms.values()) + self.shared_seconds

    def time(self) -> str:
        """Return the time of the runs that are left, as text."""
        if not self.left:
            return "none"
        if self.unknown == self.left:
            return "unknown"
        known = f"about {duration(self.seconds)}"
        return f"{known} without {counted(self.unknown, 'run')} of unknown time" if self.unknown else known

    def summary(self) -> list[str]:
        """Return lines that say how many runs are left, how long they would take, and what that rests on."""
        lines = [
            f"{counted(self.runs, 'run')} of {counted(len(self.arms), 'arm')}: {self.runs - self.left} finished, "
            f"{self.left} to run"
        ]
        if self.again:
            committed = "has a committed record" if self.again == 1 else "have committed records"
            lines.append(
                f"{self.again} of these {committed}, but comparisons or strata need their scores, which are neither in "
                "the ledger nor kept as results"
            )
        if self.unknown:
            lines.append(self.lack())
        if self.left > self.unknown:
            lines.append(f"time: {self.time()}, one after the other in one process")
            rest = [f"{self.bases[likeness]} {likeness}" for likeness in LIKENESS if likeness in self.bases]
            lines.append(f"{sources(self.costs)}: {', '.join(rest)}")
        return lines

    def lack(self) -> str:
        """Return a line that says for which data there are no records."""
        how_many = "" if self.unknown == self.left else f" for {counted(self.unknown, 'run')}"
        data = " or ".join(self.without_record)
        return f"time: unknown{how_many}, since no record of runs on {data} was found; finished runs tell"


def merged(forecasts: Mapping[str, Forecast]) -> Forecast:
    """Return the forecast of several grids together, whose stages in common count once.

    Parameters
    ----------
    forecasts : by experiment.
    """
    found = Forecast({})
    for name, one in forecasts.items():
        found.arms |= {f"{name} {arm}": own for arm, own in one.arms.items()}
        found.costs |= one.costs
        found.bases += one.bases
        found.without_record |= one.without_record
        found.again += one.again
    return found


def sources(costs: Iterable[Cost]) -> str:
    """Return the words for where records are from: folders, and processors."""
    costs = list(costs)
    places = sorted({cost.place for cost in costs})
    listed = " and ".join(places) if len(places) < 4 else f"{len(places)} folders, such as {places[0]}"
    return f"as records in {listed} took on {', '.join(sorted({cost.cpu for cost in costs}))}"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(40.2), duration(170), duration(7300)
    ('40 s', '3 min', '2 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
