"""Several runs are repeated, one after the other, in the order in which they were drawn."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cadc.ledger.store import Ledger
from cadc.rerun.recorded import Recorded
from cadc.rerun.repeat import SKIPPED, WRONG, Repeated, is_of_present_code, repeat
from cadc.terminal.interrupts import check_interrupt


def wanted(
    runs: Sequence[Recorded], seconds: float | None = None, present_code: bool = False
) -> tuple[list[Recorded], Counter[str]]:
    """Return the runs that are wanted, and the number of the others by why they are not.

    Parameters
    ----------
    runs : that were found.
    seconds : most seconds that a run took by its record; None for any.
    present_code : whether only runs of the code that would run now are wanted.
    """
    kept: list[Recorded] = []
    left_out: Counter[str] = Counter()
    for own in runs:
        if seconds is not None and own.seconds > seconds:
            left_out[f"of more than {seconds:g} s"] += 1
        elif present_code and not is_of_present_code(own):
            left_out["of other code than the present"] += 1
        else:
            kept.append(own)
    return kept, left_out


@dataclass
class Several:
    """Runs that are being repeated.

    Parameters
    ----------
    runs : in the order in which they are taken.
    n : as many as can be repeated; None for all.
    """

    runs: Sequence[Recorded]
    n: int | None = None
    done: list[Repeated] = field(default_factory=list)

    def repeat(
        self, ledger: Ledger, tolerance: float | None, elsewhere: float, tell: Callable[[Repeated, float], None]
    ) -> None:
        """Repeat the runs; what is done already stays in `done` if an interrupt ends it.

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
            if self.n is not None and len(self.compared) >= self.n:
                return
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
        if not self.compared:
            return True
        n_skipped = len(self.done) - len(self.compared)
        return n_skipped > 0 if self.n is None else len(self.compared) < self.n
