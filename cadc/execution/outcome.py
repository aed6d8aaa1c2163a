"""What became of the runs of a sweep, in words and as an exit status."""

from collections import Counter
from dataclasses import dataclass, field

from cadc.errors import CadcError

MEANING = {
    "finished": "carried out now",
    "resumed": "interrupted before, gone on with and finished now",
    "skipped": "finished before",
    "elsewhere": "finished meanwhile by another process",
    "pruned": "stopped early",
    "interrupted": "not carried out to the end; the same command goes on with them",
    "unreachable": "its scheme cannot meet its budget, which a table shows as n/a",
    "failed before": "not tried again without --retry-failed",
    "failed": "failed now",
}
"""What can become of a run in a sweep."""


@dataclass
class Outcome:
    """What became of a sweep.

    Parameters
    ----------
    became : a key of `MEANING` by run id.
    errors : by run id, of those that failed or were interrupted.
    """

    became: dict[str, str] = field(default_factory=dict)
    errors: dict[str, CadcError] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many runs became what, in the order of `MEANING`."""
        found = Counter(self.became.values())
        return {name: found[name] for name in MEANING if found[name]}

    @property
    def exit_status(self) -> int:
        """Return 0 where every run has its record."""
        return max((error.exit_status for error in self.errors.values()), default=0)

    def summary(self, n_runs: int) -> list[str]:
        """Return the lines that close a sweep: how many became what, and each run that is not finished."""
        rows = [*self.counts.items()]
        if left := n_runs - len(self.became):
            rows.append(("left", left))
        lines = [f"{count:6}  {name:14} {MEANING.get(name, 'not begun, or interrupted')}" for name, count in rows]
        return lines + [f"        {run_id}  {self.became[run_id]}: {why}" for run_id, why in self.errors.items()]
