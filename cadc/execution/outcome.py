"""Final state of each run of a sweep, and the exit status."""

from collections import Counter
from dataclasses import dataclass, field

from cadc.errors import CadcError

STATES = {
    "finished": "executed now",
    "resumed": "resumed from a checkpoint, and finished now",
    "skipped": "finished before",
    "committed": "finished before, by a record in results",
    "elsewhere": "finished meanwhile by another process",
    "pruned": "stopped early",
    "interrupted": "not finished; run the same command again to resume",
    "unreachable": "n/a: the scheme cannot meet the byte budget",
    "failed before": "failed before; --retry-failed tries again",
    "failed": "failed now",
}
"""Final states of a run in a sweep, and what they mean."""


@dataclass
class Outcome:
    """Final states of the runs of a sweep.

    Parameters
    ----------
    states : by run id, a key of `STATES`.
    errors : by run id, of runs that failed or were interrupted.
    """

    states: dict[str, str] = field(default_factory=dict)
    errors: dict[str, CadcError] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of runs in each state, in the order of `STATES`."""
        found = Counter(self.states.values())
        return {name: found[name] for name in STATES if found[name]}

    @property
    def exit_status(self) -> int:
        """Return 0 if every run has its record."""
        return max((error.exit_status for error in self.errors.values()), default=0)

    def summary(self, n_runs: int) -> list[str]:
        """Return the closing lines of a sweep: the number of runs in each state, and each run without a result."""
        rows = [*self.counts.items()]
        if left := n_runs - len(self.states):
            rows.append(("left", left))
        lines = [f"{count:6}  {name:14} {STATES.get(name, 'not begun, or interrupted')}" for name, count in rows]
        return lines + [f"        {run_id}  {self.states[run_id]}: {error}" for run_id, error in self.errors.items()]
