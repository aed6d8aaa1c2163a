"""Times works in turn, so that what else the machine does meets all of them alike."""

import gc
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks.case import Case, Figures, Work

LEAST_SECONDS = 0.05
"""Work that takes less is done several times a turn."""
MOST_TURNS = 25


@dataclass(frozen=True)
class Turn:
    """What one turn took, divided by how often the work was done.

    Parameters
    ----------
    wall : seconds.
    cpu : seconds of all processors, child processes included once they have ended.
    figures : what the work found.
    """

    wall: float
    cpu: float
    figures: Figures


Turns = Callable[[int], Turn]
"""Does work so many times, and says how long it took."""


@dataclass
class Times:
    """The turns of one work."""

    turns: list[Turn] = field(default_factory=list)

    @property
    def wall(self) -> list[float]:
        """Seconds of each turn, ascending."""
        return sorted(turn.wall for turn in self.turns)

    @property
    def cpu(self) -> float:
        """Median processor seconds."""
        return median(turn.cpu for turn in self.turns)

    @property
    def figures(self) -> Figures:
        """Median of each figure."""
        return {name: median(turn.figures[name] for turn in self.turns) for name in self.turns[0].figures}


def timed(work: Work) -> Turns:
    """Return what times the work in this process."""

    def turn(number: int) -> Turn:
        gc.collect()
        gc.disable()
        try:
            cpu, wall = cpu_seconds(), time.perf_counter()
            for _ in range(number):
                found = work()
            seconds = time.perf_counter() - wall, cpu_seconds() - cpu
        finally:
            gc.enable()
        return Turn(seconds[0] / number, seconds[1] / number, (found() if callable(found) else found) or {})

    return turn


def cpu_seconds() -> float:
    """Return processor seconds of this process and of its children that have ended."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + of_children.ru_utime + of_children.ru_stime


def alternate(case: Case, works: Mapping[str, Turns], repeats: int) -> dict[str, Times]:
    """Return the times of each work.

    They take turns, in reverse order every other round, until each had `repeats`, and then as many more as the case
    has seconds for.
    """
    number = dict.fromkeys(works, 1)
    if case.warm_up and repeats > 1:
        for name, turn in works.items():
            first = turn(1).wall
            if first < LEAST_SECONDS:
                number[name] = max(1, round(LEAST_SECONDS / max(turn(1).wall, 1e-7)))
    times = {name: Times() for name in works}
    started = time.perf_counter()
    for round_number in range(max(repeats, MOST_TURNS)):
        if round_number >= repeats and (repeats == 1 or time.perf_counter() - started > case.most_seconds):
            break
        for name in list(works)[:: -1 if round_number % 2 else 1]:
            found = works[name](number[name])
            times[name].turns.append(replace(found, wall=found.figures[case.timed_by]) if case.timed_by else found)
    return times
