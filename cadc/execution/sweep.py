"""Many runs: each configuration is planned, those finished before are skipped, the others are carried out.

Any number of processes may carry out the same sweep on one ledger: a run belongs to whoever holds its lease.
"""

import platform
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cadc.errors import CadcError, NotWritable, Unreachable
from cadc.execution.attempt import carry_out, is_transient, sentence, settled
from cadc.execution.jobs import Job, Say, plan
from cadc.execution.outcome import MEANING, Outcome
from cadc.execution.time_left import Estimate, own_seconds
from cadc.launchers.launch import launch
from cadc.ledger.store import Ledger, Record
from cadc.loggers.after import AfterRun
from cadc.reporting.columns import OF_TASK
from cadc.terminal.interrupts import check_interrupt
from cadc.terminal.progress import Display


def execute(
    jobs: Sequence[Job],
    ledger: Ledger,
    retry_failed: bool = False,
    say: Say | None = None,
    launcher: Sequence[str] = (),
    after: AfterRun | None = None,
) -> Outcome:
    """Carry out the jobs that are not finished yet, one after the other, or where a launcher takes them.

    A failing run gets a record that says so and does not end the others. Ctrl-C, a full disk or a folder that cannot
    be written end all; what is finished stays finished, and what was begun goes on from its last checkpoint next time.
    Runs that another process works on are left to it, and waited for.

    Parameters
    ----------
    jobs : the runs; several of one id are run once.
    ledger : where runs are found and written.
    retry_failed : whether runs that failed before are tried again, from their beginning.
    say : takes a line about each run.
    launcher : words that choose a launcher, see `cadc.launchers.launch`; none carries the runs out in this process.
    after : mirrors each finished run; None mirrors nothing.
    """
    left = list({job.run_id: job for job in jobs}.values())
    with Display(len(left)) as shown:
        sweep = _Sweep(left, ledger, retry_failed, say or shown.say, shown, after)
        try:
            if launcher:
                sweep.launch(launcher)
            else:
                sweep.carry_out()
        finally:
            if len(left) > 1:
                for line in sweep.outcome.summary(len(left)):
                    sweep.say(line)
    return sweep.outcome


class _Sweep:
    """The state of `execute`."""

    def __init__(
        self, jobs: list[Job], ledger: Ledger, retry_failed: bool, say: Say, shown: Display, after: AfterRun | None
    ) -> None:
        self.jobs = jobs
        self.ledger = ledger
        self.retry_failed = retry_failed
        self.say = say
        self.shown = shown
        self.after = after
        self.outcome = Outcome()
        self.estimate = Estimate(jobs)
        self.shared = set.intersection(*(set(job.words) for job in jobs)) if len(jobs) > 1 else set()
        self.waited_for: set[str] = set()
        """Runs that other processes worked on when it was their turn."""
        self.numbers = {job.run_id: number for number, job in enumerate(jobs, 1)}

    def carry_out(self) -> None:
        left = self.jobs
        told = False
        while left:
            self._show(0)
            busy = [job for job in left if not self._settle(job)]
            self.waited_for |= {job.run_id for job in busy}
            if len(busy) == len(left):
                if not told:
                    self.say(f"waiting for {len(busy)} runs that other processes work on")
                told = True
                time.sleep(0.5)
            left = busy

    def launch(self, launcher: Sequence[str]) -> None:
        """Have a launcher carry out what is left; what is finished meanwhile is said as it appears in the ledger."""
        left = []
        for job in self.jobs:
            if became := settled(job, self.ledger, self.retry_failed):
                self.outcome.became[job.run_id] = became
                self._report(job, became)
            else:
                left.append(job)
        if not left:
            return
        self.say(f"{len(left)} runs go to {' '.join(launcher)}")
        launched = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(left, launched), daemon=True)
        watcher.start()
        try:
            results = launch([RunTask(job.words, job.run_id, self.retry_failed) for job in left], launcher)
        finally:
            launched.set()
            watcher.join()
        for job, result in zip(left, results, strict=True):
            if isinstance(result, CadcError) and self.ledger.recorded(job.run_id) == "finished":
                result = "finished"  # its process was lost after its work
            if isinstance(result, CadcError):
                self.outcome.errors[job.run_id] = result
                if len(self.jobs) == 1:
                    raise result
                if self.ledger.is_unreachable(job.run_id):
                    result = "unreachable"
                else:
                    result = "failed" if self.ledger.recorded(job.run_id) == "failed" else "interrupted"
            is_new = job.run_id not in self.outcome.became
            self.outcome.became[job.run_id] = result
            if is_new:
                self._report(job, result)

    def _watch(self, jobs: Sequence[Job], launched: threading.Event) -> None:
        ended = False
        while not ended:
            left = [job for job in jobs if job.run_id not in self.outcome.became]
            # Of a thousand runs in a folder on the network, not every one is asked after each second.
            ended = launched.wait(max(1.0, len(left) / 50))
            with suppress(OSError, CadcError):  # whatever it is, the launcher's answer tells
                for job in left:
                    if self.ledger.recorded(job.run_id) == "finished":
                        self.outcome.became[job.run_id] = "finished"
                        self._report(job, "finished")
                self._show(sum(self.ledger.status(job.run_id) == "running" for job in left))

    def _settle(self, job: Job) -> bool:
        """Find out what becomes of a run, carrying it out if that is ours to do; False while others work on it."""
        started = time.perf_counter()
        try:
            became = self._become(job)
        except Exception as error:
            if len(self.jobs) == 1 or isinstance(error, NotWritable):
                raise
            is_unreachable = isinstance(error, Unreachable)
            became = "unreachable" if is_unreachable else "interrupted" if is_transient(error) else "failed"
            self.outcome.errors[job.run_id] = sentence(error)
        if became is None:
            return False
        self.outcome.became[job.run_id] = became
        self._report(job, became, time.perf_counter() - started)
        return True

    def _become(self, job: Job) -> str | None:
        check_interrupt()
        # What another process finished, or failed to, is not done once more, nor is it ours to report.
        others_did = job.run_id in self.waited_for
        retry_failed = self.retry_failed and not others_did
        became = settled(job, self.ledger, retry_failed, "elsewhere" if others_did else "skipped")
        if became is not None:
            return became
        lease = self.ledger.claim(job.run_id)
        if lease is None:
            return None
        with lease:
            became = settled(job, self.ledger, retry_failed, "elsewhere")
            if became is None:
                self._show(1)
                became = carry_out(job, self.ledger, lease)
            else:
                # Claiming made its workplace anew.
                self.ledger.tidy(job.run_id)
        return became

    def _report(self, job: Job, became: str, seconds: float | None = None) -> None:
        own = " ".join(word for word in job.words if word not in self.shared)
        label = f"[{self.numbers[job.run_id]}/{len(self.jobs)}] {job.run_id} {own}".rstrip()
        if became in ("failed before", "unreachable") and job.run_id not in self.outcome.errors:
            reason = self.ledger.record(job.run_id).get("reason", "")
            self.outcome.errors[job.run_id] = CadcError(str(reason))
            if len(self.jobs) == 1:
                again = "--retry-failed (in Python: retry_failed=True) tries it again."
                raise CadcError(f"{job.run_id} failed before: {reason} {again}")
            self.say(f"{label}: {became}, not tried again: {reason}")
        elif became in ("failed", "interrupted", "unreachable"):
            self.say(f"{label}: {became}: {self.outcome.errors[job.run_id]}")
        else:
            record = self.ledger.record(job.run_id)
            if seconds is None or became not in ("finished", "resumed"):
                seconds = own_seconds(record)
            self.estimate.add(job, seconds)
            how = f"{seconds:.1f} s" if became in ("finished", "resumed") else MEANING[became]
            also = ", resumed" if became == "resumed" else ", skipped" if became == "skipped" else ""
            remaining = self.estimate.remaining(self.outcome.became)
            # What was finished before goes by too fast for more words.
            left = f"; {self._counts()}{remaining}" if len(self.jobs) > 1 and became != "skipped" else ""
            self.say(f"{label}: {summary(record)}, {how}{also}{left}")
            # Whoever carries a run out mirrors it, so that no two do at once.
            if self.after and became != "elsewhere":
                self.after.run(job.config, self.ledger.path(job.run_id))

    def _counts(self) -> str:
        counts = self.outcome.counts
        failed = counts.get("failed", 0) + counts.get("failed before", 0)
        n_settled = len(self.outcome.became)
        return f"{n_settled - failed} done, {failed} failed, {len(self.jobs) - n_settled} left"

    def _show(self, n_running: int) -> None:
        state = f"{self._counts()}, {n_running} running{self.estimate.remaining(self.outcome.became)}"
        self.shown.sweep(len(self.outcome.became), state)


def summary(record: Record) -> str:
    """Return the metrics of a record in a few words."""
    metrics: Mapping[str, float] = record["metrics"]
    judged = {name: value for name, value in metrics.items() if name.startswith("test/")} or metrics
    usual = OF_TASK[record.get("task", "ctr")]
    shown = {name: value for name, value in judged.items() if name.partition("/")[2] in usual} or judged
    return ", ".join(f"{name} {value:.4f}" for name, value in shown.items())


@dataclass(frozen=True)
class RunTask:
    """One run, for a launcher to carry out elsewhere.

    Parameters
    ----------
    words : its overrides.
    run_id : what they come to here; another id there means other code or data.
    retry_failed : as in `execute`.
    """

    words: tuple[str, ...]
    run_id: str
    retry_failed: bool

    def __call__(self) -> str:
        """Carry it out and return what became of it."""
        (job,) = plan([self.words])
        if job.run_id != self.run_id:
            raise CadcError(
                f"run {self.run_id} is {job.run_id} on {platform.node()}: code, plug-ins or data differ there; install "
                "the same version everywhere and share CADC_DATA_DIR."
            )
        return execute([job], Ledger(), self.retry_failed, say=lambda line: None).became[job.run_id]
