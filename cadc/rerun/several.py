"""Several runs are repeated, one after the other, in the order in which they were drawn."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cadc.ledger.store import Ledger
from cadc.rerun.recorded import Recorded
from cadc.rerun.repeat import SKIPPED, WRONG, Repeated, is_of_present_code, repeat
from cadc.terminal.interrupts import check_interrupt


@dataclass(frozen=True)
class Wanted:
    """Which of the runs that were found are repeated.

    Parameters
    ----------
    n : as many as can be repeated; None for all.
    seconds : only runs that took no longer by their record; None for all.
    present_code : only runs of the code that would run now.
    """

    n: int | None = None
    seconds: float | None = None
    present_code: bool = False

    def leaves_out(self, own: Recorded) -> str:
        """Return why a run is not among the wanted ones, as a few words; empty for one that is."""
        if self.seconds is not None and own.seconds > self.seconds:
            return f"took more than {self.seconds:g} s"
        if self.present_code and not is_of_present_code(own):
            return "are of other code than the present"
        return ""


@dataclass
class Several:
    """Runs that are being repeated.

    Parameters
    ----------
    runs : in the order in which they are taken.
    wanted : which of them.
    """

    runs: Sequence[Recorded]
    wanted: Wanted
    done: list[Repeated] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """Number of runs that were not wanted, by why."""

    def repeat(
        self, ledger: Ledger, tolerance: float | None, elsewhere: float, tell: Callable[[Repeated, float], None]
    ) -> None:
        """Repeat the wanted runs; what is done already stays in `done` if an interrupt ends it.

        Parameters
        ----------
        ledger, tolerance, elsewhere : see `cadc.rerun.repeat.repeat`.
        tell : called after each run with the seconds that it took.
        """
        for own in self._next():
            check_interrupt()
            started = time.perf_counter()
            self.done.append(repeat(own, ledger, tolerance, elsewhere))
            tell(self.done[-1], time.perf_counter() - started)

    def _next(self) -> Iterator[Recorded]:
        for own in self.runs:
            if self.wanted.n is not None and len(self.compared) >= self.wanted.n:
                return
            if why := self.wanted.leaves_out(own):
                self.left_out[why] += 1
            else:
                yield own

    @property
    def compared(self) -> list[Repeated]:
        """What came of the runs that could be repeated."""
        return [own for own in self.done if own.verdict != SKIPPED]

    @property
    def wrong(self) -> list[Repeated]:
        """What is not as its record says."""
        return [own for own in self.done if own.verdict in WRONG]

    @property
    def is_short(self) -> bool:
        """Whether runs that were asked for could not be repeated; others may take their place in a sample."""
        n_skipped = len(self.done) - len(self.compared)
        return n_skipped > 0 if self.wanted.n is None else len(self.compared) < self.wanted.n
