"""Estimated time left of a sweep."""

from collections.abc import Mapping, Sequence

from cadc.execution.jobs import Job
from cadc.ledger.identity import arm_signature
from cadc.ledger.store import Record
from cadc.terminal.progress import clock


def own_seconds(record: Record) -> float:
    """Return the seconds of a recorded run without the stages that runs share."""
    cost = record.get("cost", {})
    return float(sum(cost.get(name, 0.0) for name in ("sample_s", "initialise_s", "train_s", "evaluate_s")))


class Estimate:
    """Seconds left of a sweep, estimated from the runs that ended.

    A run is expected to take as long as other runs of its arm did, or else as long as the average run.

    Parameters
    ----------
    jobs : of the sweep.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.arms = {job.run_id: arm_signature(job.settings) for job in jobs}
        self.took: dict[str, list[float]] = {}

    def add(self, job: Job, seconds: float) -> None:
        """Add the seconds of a run that ended."""
        self.took.setdefault(self.arms[job.run_id], []).append(seconds)

    def seconds(self, states: Mapping[str, str]) -> float | None:
        """Return the seconds left; None if nothing is known yet or nothing is left.

        Parameters
        ----------
        states : final states by run id.
        """
        left = [arm for run_id, arm in self.arms.items() if run_id not in states]
        known = [seconds for values in self.took.values() for seconds in values]
        if not left or not known:
            return None
        mean = sum(known) / len(known)
        return sum(sum(self.took[arm]) / len(self.took[arm]) if arm in self.took else mean for arm in left)

    def remaining(self, states: Mapping[str, str]) -> str:
        """Return the time left as text; empty if nothing is known yet or nothing is left."""
        seconds = self.seconds(states)
        return "" if seconds is None else f", about {clock(seconds)} to go"
