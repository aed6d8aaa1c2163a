"""Contexts around Hydra's launchers: silence them, stop them with the parent process, isolate a lost job.

Each surrounds `launcher.launch`; Ray, submitit and joblib are only imported when they are used.
"""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

from cadc.launchers.ray_session import ray_session
from cadc.launchers.replaced import replaced

Engine = Callable[[Any], Any]


@contextmanager
def ray(launcher: Any) -> Iterator[None]:
    """Start Ray, or connect to a running one, and shut it down afterwards, unless the caller started it."""
    from omegaconf import OmegaConf

    asked = OmegaConf.to_container(launcher.ray_cfg.init, resolve=True)
    assert isinstance(asked, dict)
    with ray_session({str(name): value for name, value in asked.items()}):
        yield


@contextmanager
def submitit(launcher: Any) -> Iterator[None]:
    """Collect the results of all jobs even if some are lost; cancel unfinished jobs when this process ends early."""
    import submitit
    from submitit.core.core import PicklingExecutor
    from submitit.local import local

    jobs: list[Any] = []

    def noting(submit: Callable[..., Any]) -> Callable[..., Any]:
        def submit_and_note(*arguments: Any) -> Any:
            jobs.append(submit(*arguments))
            return jobs[-1]

        return submit_and_note

    map_array = submitit.AutoExecutor.map_array
    # Local jobs are outside the terminal's process group: we end them ourselves, without their stack traces.
    popen = partial(subprocess.Popen, start_new_session=True, stderr=subprocess.DEVNULL)
    with ExitStack() as stack:
        for owner, name, value in (
            (submitit.AutoExecutor, "map_array", lambda *arguments: [_Job(job) for job in map_array(*arguments)]),
            (PicklingExecutor, "_submit_command", noting(PicklingExecutor._submit_command)),
            (local.LocalExecutor, "_submit_command", noting(local.LocalExecutor._submit_command)),
            (local, "subprocess", SimpleNamespace(Popen=popen)),
            # A network file system may show a result late; the file system of this machine does not.
            (local.LocalJob, "_results_timeout_s", 1),
        ):
            stack.enter_context(replaced(owner, name, value))
        stack.enter_context(_level("submitit", logging.ERROR))
        try:
            yield
        except BaseException:
            _cancel(jobs)
            raise


def _cancel(jobs: list[Any]) -> None:
    for job in jobs:
        with suppress(OSError, subprocess.SubprocessError):
            job.cancel(check=False)
    for job in jobs:
        if process := getattr(job, "_process", None):
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)


class _Job:
    """A job of submitit whose loss is returned as a result; an exception would hide the results of other jobs.

    Parameters
    ----------
    job : of submitit.
    """

    def __init__(self, job: Any) -> None:
        self.job = job

    def results(self) -> list[Any]:
        from hydra.core.utils import JobReturn, JobStatus
        from submitit.core.utils import FailedJobError, UncompletedJobError

        try:
            return list(self.job.results())
        except UncompletedJobError:
            why = f"its job {self.job.job_id} ended without a result ({self.job.state.lower()})"
        except FailedJobError as error:
            # The stack trace is between two lines of dashes.
            trace = [line for line in str(error).splitlines() if line.strip()]
            last = max(number for number, line in enumerate(trace) if line.startswith("-----"))
            why = f"its job {self.job.job_id} failed: {trace[last - 1]}"
        lost = JobReturn(status=JobStatus.COMPLETED)
        lost.return_value = ("failed", (f"{why}; run the same command again to resume it.", 1))
        return [lost]


@contextmanager
def joblib(launcher: Any) -> Iterator[None]:
    """Stop the worker processes at the end of the launch; joblib would keep them for the next one.

    They are started with SIGINT blocked: a terminal sends Ctrl-C to them too, and Python would print a stack trace of
    what they import at that moment.
    """
    # Starts the processes of joblib; `subprocess` imports it under another name.
    import _posixsubprocess

    start = _posixsubprocess.fork_exec

    def start_without_ctrl_c(*arguments: Any, **options: Any) -> int:
        # A process inherits the blocked signals.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return int(start(*arguments, **options))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        with replaced(_posixsubprocess, "fork_exec", start_without_ctrl_c):
            yield
    finally:
        module = sys.modules.get("joblib.externals.loky.reusable_executor")
        if (pool := getattr(module, "_executor", None)) is not None:
            pool.shutdown(wait=True, kill_workers=True)


ENGINES: dict[str, Engine] = {"ray": ray, "submitit_slurm": submitit, "submitit_local": submitit, "joblib": joblib}
"""Context of each launcher, by its name."""

LOST = ("TerminatedWorkerError", "BrokenProcessPool", "WorkerCrashedError", "OutOfMemoryError", "NodeDiedError")
"""Names of errors that mean that a worker process was lost."""


def why(error: Exception) -> str:
    """Return the cause of a launcher's error in one line."""
    if type(error).__name__ in LOST:
        return "a worker process was killed or ran out of memory"
    # The last line of a stack trace is the error.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def _level(name: str, level: int) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
