"""Progress of a sweep: a line for each run that ends, the time left, and the bar."""

from collections.abc import Collection, Mapping, Sequence

from cadc.errors import CadcError
from cadc.evaluation.prefixes import TEST
from cadc.evaluation.saved_tables import SAVED
from cadc.execution.jobs import Job
from cadc.execution.outcome import STATES, Outcome
from cadc.execution.time_left import Estimate, own_seconds
from cadc.ledger.store import Ledger, Record
from cadc.ledger.sweeps import SweepNotes, SweepRun
from cadc.loggers.after import AfterRun
from cadc.terminal.progress import Display, Report


class Progress:
    """Collects the final states of a sweep's runs and reports each.

    Parameters
    ----------
    jobs : of the sweep.
    ledger : where their records are.
    display : whose bar is moved.
    report : takes a line about each run; the display if None.
    after : logs each run that this sweep finished; None logs nothing.
    arms : of an experiment by run id.
    committed : ids of the runs that are finished, although the ledger does not have them.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        ledger: Ledger,
        display: Display,
        report: Report | None,
        after: AfterRun | None,
        arms: Mapping[str, str] | None = None,
        committed: Collection[str] = (),
    ) -> None:
        self.jobs = jobs
        self.ledger = ledger
        self.display = display
        self.report = report or display.write
        self.after = after
        self.outcome = Outcome({job.run_id: "committed" for job in jobs if job.run_id in committed})
        self.estimate = Estimate(jobs)
        self.shared = set.intersection(*(set(job.overrides) for job in jobs)) if len(jobs) > 1 else set()
        self.numbers = {job.run_id: number for number, job in enumerate(jobs, 1)}
        name = (after.group if after else None) or ""
        runs = [
            SweepRun(job.run_id, (arms or {}).get(job.run_id, ""), self._own(job))
            for job in jobs
            if job.run_id not in committed
        ]
        self.notes = SweepNotes(ledger, name, runs)

    def end(self, job: Job, state: str, seconds: float | None = None) -> None:
        """Note the final state of a run and report it.

        Parameters
        ----------
        job : the run.
        state : a key of `STATES`.
        seconds : that it took; None takes those of its record.

        Raises
        ------
        CadcError : if the only run of the sweep failed before.
        """
        self.outcome.states[job.run_id] = state
        label = f"[{self.numbers[job.run_id]}/{len(self.jobs)}] {job.run_id} {self._own(job)}".rstrip()
        if state in ("failed before", "unreachable") and job.run_id not in self.outcome.errors:
            reason = self.ledger.record(job.run_id).get("reason", "")
            self.outcome.errors[job.run_id] = CadcError(str(reason))
            if len(self.jobs) == 1:
                again = "--retry-failed (in Python: retry_failed=True) tries it again."
                raise CadcError(f"run {job.run_id} failed before: {reason} {again}")
            self.report(f"{label}: {state}, not tried again: {reason}")
        elif state in ("failed", "interrupted", "unreachable"):
            self.report(f"{label}: {state}: {self.outcome.errors[job.run_id]}")
        else:
            self._report_result(job, label, state, seconds)

    def _report_result(self, job: Job, label: str, state: str, seconds: float | None) -> None:
        record = self.ledger.record(job.run_id)
        is_new = state in ("finished", "resumed")
        if seconds is None or not is_new:
            seconds = own_seconds(record)
        self.estimate.add(job, seconds)
        self.notes.left(self.estimate.seconds(self.outcome.states))
        how = f"{seconds:.1f} s" if is_new else STATES[state]
        also = f", {state}" if state in ("resumed", "skipped") else ""
        remaining = self.estimate.remaining(self.outcome.states)
        # Lines about runs that were finished before follow each other too fast to be read in full.
        left = f"; {self._counts()}{remaining}" if len(self.jobs) > 1 and state != "skipped" else ""
        self.report(f"{label}: {metrics_text(record)}, {how}{also}{left}")
        # A run is logged by the process that finished it, so that no two log it at once.
        if self.after and state != "elsewhere":
            self.after.run(job.settings.logger, self.ledger.path(job.run_id))

    def _own(self, job: Job) -> str:
        """Return the overrides in which a run differs from others of the sweep."""
        return " ".join(override for override in job.overrides if override not in self.shared)

    def _counts(self) -> str:
        counts = self.outcome.counts
        failed = counts.get("failed", 0) + counts.get("failed before", 0)
        n_ended = len(self.outcome.states)
        return f"{n_ended - failed} done, {failed} failed, {len(self.jobs) - n_ended} left"

    def show(self, n_running: int) -> None:
        """Move the bar of the sweep, and note what it intends to run while it runs something."""
        if n_running and len(self.jobs) > 1:
            self.notes.work()
        state = f"{self._counts()}, {n_running} running{self.estimate.remaining(self.outcome.states)}"
        self.display.sweep(len(self.outcome.states), state)

    def close(self) -> None:
        """Note that the sweep is over, unless runs of it are left."""
        self.notes.end(len(self.outcome.states) == len(self.jobs) and "interrupted" not in self.outcome.counts)


def metrics_text(record: Record) -> str:
    """Return the test metrics of a record as text; all metrics if there are none of the test part."""
    metrics: Mapping[str, float] = record["metrics"]
    of_test = {name: value for name, value in metrics.items() if name.startswith(TEST)} or metrics
    usual = SAVED[record.get("task", "ctr")].leading
    shown = {name: value for name, value in of_test.items() if name.partition("/")[2] in usual} or of_test
    return ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
