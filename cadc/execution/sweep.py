"""Sweeps: runs that are finished are skipped, the others are run here or by a launcher.

Any number of processes may work on the same sweep in one ledger: a run belongs to the process that holds its lease.
"""

import platform
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cadc.errors import CadcError, Lost, NotWritable, Unreachable, UsageError
from cadc.execution.attempt import final_state, run_job
from cadc.execution.failure import as_cadc_error, is_of_the_run
from cadc.execution.jobs import Job, plan
from cadc.execution.outcome import Outcome
from cadc.execution.progress import Progress
from cadc.launchers.launch import launch
from cadc.ledger.store import Ledger
from cadc.loggers.after import AfterRun
from cadc.pipeline.several import asks_for_several
from cadc.storage.lease import Lease
from cadc.terminal.interrupts import check_interrupt
from cadc.terminal.progress import Display, Report


def execute(
    jobs: Sequence[Job],
    ledger: Ledger,
    retry_failed: bool = False,
    report: Report | None = None,
    launcher: Sequence[str] = (),
    after: AfterRun | None = None,
    arms: Mapping[str, str] | None = None,
    committed: Collection[str] = (),
) -> Outcome:
    """Run all jobs that are not finished yet, one after the other in this process, or through a launcher.

    A failing run gets a record of its failure and does not end the others. Ctrl-C, a full disk or a read-only folder
    end the sweep: finished runs stay finished, and runs that were begun resume from their last checkpoint next time.
    Runs that another process works on are left to it and waited for.

    Parameters
    ----------
    jobs : the runs; jobs with equal ids are run once.
    ledger : where runs are found and recorded.
    retry_failed : whether runs that failed before are tried again, from the beginning.
    report : takes a line about each run; None prints it.
    launcher : overrides that choose a launcher, see `cadc.launchers.launch`; none runs the jobs in this process.
    after : logs each finished run; None logs nothing.
    arms : of an experiment by run id, for who looks at the sweep while it works.
    committed : ids of the runs that are finished, although the ledger does not have them.
    """
    unique = list({job.run_id: job for job in jobs}.values())
    if launcher and any(asks_for_several(job.settings, None) for job in unique):
        raise UsageError(
            "trainer.devices was given with a launcher, which gives each run one process; leave out hydra/launcher, or "
            "trainer.devices."
        )
    with Display(len(unique)) as display:
        progress = Progress(unique, ledger, display, report, after, arms, committed)
        sweep = _Sweep(unique, ledger, retry_failed, progress)
        try:
            if launcher:
                sweep.launch(launcher)
            else:
                sweep.run()
        finally:
            if len(unique) > 1:
                for line in progress.outcome.summary(len(unique)):
                    progress.report(line)
            progress.close()
    return progress.outcome


class _Sweep:
    """The state of `execute`."""

    def __init__(self, jobs: list[Job], ledger: Ledger, retry_failed: bool, progress: Progress) -> None:
        self.jobs = jobs
        self.ledger = ledger
        self.retry_failed = retry_failed
        self.progress = progress
        self.outcome = progress.outcome
        self.waited_for: set[str] = set()
        """Runs that other processes worked on when it was their turn."""

    def run(self) -> None:
        """Run all jobs in this process, and wait for those that other processes work on."""
        self._run_fleets()
        left = [job for job in self.jobs if job.run_id not in self.outcome.states]
        is_reported = False
        while left:
            self.progress.show(0)
            busy = [job for job in left if not self._end(job)]
            self.waited_for |= {job.run_id for job in busy}
            if len(busy) == len(left):
                if not is_reported:
                    self.progress.report(f"waiting for {len(busy)} runs that other processes work on")
                is_reported = True
                time.sleep(0.5)
            left = busy

    def _run_fleets(self) -> None:
        """Run what can be trained together; a run that does not end here is left to be run alone."""
        left = [job for job in self.jobs if job.run_id not in self.outcome.states]
        asking = [job for job in left if job.settings.fit and int(job.settings.fit.option("fleet")) > 1]
        if not asking:
            return
        # It imports torch.func, which few sweeps need.
        from cadc.execution.fleet import fleets, run_fleet

        for jobs in fleets([job for job in asking if final_state(job, self.ledger, self.retry_failed) is None]):
            self.progress.show(len(jobs))
            run_fleet(jobs, self.ledger, self.retry_failed, self._end_of_fleet, self.progress.report)

    def _end_of_fleet(self, job: Job, ended: str | Exception) -> None:
        if isinstance(ended, NotWritable):
            raise ended
        if isinstance(ended, Lost):
            self.progress.report(f"{ended} It is waited for.")
        elif isinstance(ended, Exception):
            self.progress.end(job, self._state_of(job, ended))
        else:
            self.progress.end(job, ended)

    def launch(self, launcher: Sequence[str]) -> None:
        """Run all jobs through a launcher; runs are reported as they appear in the ledger."""
        left = []
        for job in self.jobs:
            if job.run_id in self.outcome.states:
                continue
            if state := final_state(job, self.ledger, self.retry_failed):
                self.progress.end(job, state)
            else:
                left.append(job)
        if not left:
            return
        self.progress.report(f"{len(left)} runs go to {' '.join(launcher)}")
        launched = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(left, launched), daemon=True)
        watcher.start()
        try:
            results = launch([RunTask(job.overrides, job.run_id, self.retry_failed) for job in left], launcher)
        finally:
            launched.set()
            watcher.join()
        for job, result in zip(left, results, strict=True):
            self._end_launched(job, result)

    def _end_launched(self, job: Job, result: str | CadcError) -> None:
        """Note the state that a launcher returned for a run, unless its record was seen before."""
        state = self._state_after(job, result) if isinstance(result, CadcError) else result
        if job.run_id not in self.outcome.states:
            self.progress.end(job, state)
        else:
            self.outcome.states[job.run_id] = state

    def _state_after(self, job: Job, error: CadcError) -> str:
        if self.ledger.recorded(job.run_id) == "finished":
            return "finished"  # its process was lost after its work
        self.outcome.errors[job.run_id] = error
        if len(self.jobs) == 1:
            raise error
        if self.ledger.is_unreachable(job.run_id):
            return "unreachable"
        return "failed" if self.ledger.recorded(job.run_id) == "failed" else "interrupted"

    def _watch(self, jobs: Sequence[Job], launched: threading.Event) -> None:
        ended = False
        while not ended:
            left = [job for job in jobs if job.run_id not in self.outcome.states]
            # A thousand runs in a folder on the network are not all asked for each second.
            ended = launched.wait(max(1.0, len(left) / 50))
            with suppress(OSError, CadcError):  # the launcher's result reports it
                for job in left:
                    if self.ledger.recorded(job.run_id) == "finished":
                        self.progress.end(job, "finished")
                self.progress.show(sum(self.ledger.status(job.run_id) == "running" for job in left))

    def _end(self, job: Job) -> bool:
        """Run a job unless it ended, and note its final state; return False while another process works on it."""
        started = time.perf_counter()
        try:
            state = self._run(job)
        except Exception as error:
            if len(self.jobs) == 1 or isinstance(error, NotWritable):
                raise
            state = self._state_of(job, error)
        if state is None:
            return False
        self.progress.end(job, state, time.perf_counter() - started)
        return True

    def _state_of(self, job: Job, error: Exception) -> str:
        """Note an error that ended a run, and return the run's final state."""
        self.outcome.errors[job.run_id] = as_cadc_error(error)
        if isinstance(error, Unreachable):
            return "unreachable"
        return "failed" if is_of_the_run(error, job.settings) else "interrupted"

    def _run(self, job: Job) -> str | None:
        check_interrupt()
        # A run that another process finished, or failed, is neither repeated nor logged here.
        was_elsewhere = job.run_id in self.waited_for
        retry_failed = self.retry_failed and not was_elsewhere
        state = final_state(job, self.ledger, retry_failed, "elsewhere" if was_elsewhere else "skipped")
        if state is not None:
            return state
        lease = self.ledger.claim(job.run_id)
        if lease is None:
            return None
        with lease:
            state = final_state(job, self.ledger, retry_failed, "elsewhere")
            if state is None:
                self.progress.show(1)
                state = self._run_unless_lost(job, lease)
            else:
                # Claiming the lease created its folder anew.
                self.ledger.tidy(lease)
        return state

    def _run_unless_lost(self, job: Job, lease: Lease) -> str | None:
        try:
            return run_job(job, self.ledger, lease)
        except Lost as error:
            if lease.is_held():
                raise
            self.progress.report(f"{error} It is waited for.")
            return None


@dataclass(frozen=True)
class RunTask:
    """One run, for a launcher to execute elsewhere.

    Parameters
    ----------
    overrides : of the run.
    run_id : its id here; another id there means that code or data differ.
    retry_failed : as in `execute`.
    """

    overrides: tuple[str, ...]
    run_id: str
    retry_failed: bool

    def __call__(self) -> str:
        """Execute the run and return its final state."""
        (job,) = plan([self.overrides])
        if job.run_id != self.run_id:
            raise CadcError(
                f"run {self.run_id} has the id {job.run_id} on {platform.node()}: code, plug-ins or data differ there; "
                "install the same version everywhere and share CADC_DATA_DIR."
            )
        return execute([job], Ledger(), self.retry_failed, report=lambda line: None).states[job.run_id]
