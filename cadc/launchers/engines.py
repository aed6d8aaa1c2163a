"""Ray, submitit and joblib as Hydra's launchers leave them: made quiet, ended with us, one loss told from the others.

Each is a context around `launcher.launch`; nothing of theirs is imported before it is asked for.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

from cadc.errors import CadcError, reason

Engine = Callable[[Any], Any]


@contextmanager
def ray(launcher: Any) -> Iterator[None]:
    """Start Ray, or connect to one that runs, and leave it afterwards; one that the caller started is left alone."""
    # Nothing leaves the machine unless asked.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns that this will change.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from omegaconf import OmegaConf
    from ray._private import worker

    if ray.is_initialized():
        yield
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False, "include_dashboard": False}
    asked = OmegaConf.to_container(launcher.ray_cfg.init, resolve=True)
    assert isinstance(asked, dict)
    options = quiet | {str(name): value for name, value in asked.items()}
    _require_reachable(str(options.get("address") or os.environ.get("RAY_ADDRESS", "")))
    # Ray tells on standard output that a worker died, where only paths of records belong, and tries again by itself.
    silence = (worker, "print_to_stdstream", lambda *arguments, **words: None)
    with _replaced(*silence) if not options["log_to_driver"] else nullcontext():
        try:
            # The launcher takes a Ray that it finds started; its own start cannot connect to a cluster.
            ray.init(**options)
            yield
        finally:
            ray.shutdown()


def _require_reachable(address: str) -> None:
    """Raise a CadcError where nothing answers at HOST:PORT, which Ray would try for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise CadcError(f"no Ray answers at {address} ({reason(error)}).") from error


@contextmanager
def submitit(launcher: Any) -> Iterator[None]:
    """Take the answers of all jobs although some are lost, and cancel those that are left when we end early."""
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
    # Local jobs stand outside the terminal's process group: we end them ourselves, without their stack traces.
    popen = partial(subprocess.Popen, start_new_session=True, stderr=subprocess.DEVNULL)
    with ExitStack() as replaced:
        for owner, name, value in (
            (submitit.AutoExecutor, "map_array", lambda *arguments: [_Job(job) for job in map_array(*arguments)]),
            (PicklingExecutor, "_submit_command", noting(PicklingExecutor._submit_command)),
            (local.LocalExecutor, "_submit_command", noting(local.LocalExecutor._submit_command)),
            (local, "subprocess", SimpleNamespace(Popen=popen)),
            # A network's file system may show a result late; the file system of this machine does not.
            (local.LocalJob, "_results_timeout_s", 1),
        ):
            replaced.enter_context(_replaced(owner, name, value))
        replaced.enter_context(_level("submitit", logging.ERROR))
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
    """A job of submitit whose loss is an answer and not an exception, which would hide those of the others.

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
            why = f"its job {self.job.job_id} ended without an answer ({self.job.state.lower()})"
        except FailedJobError as error:
            # The stack trace stands between two lines of dashes.
            trace = [line for line in str(error).splitlines() if line.strip()]
            last = max(number for number, line in enumerate(trace) if line.startswith("-----"))
            why = f"its job {self.job.job_id} failed: {trace[last - 1]}"
        lost = JobReturn(status=JobStatus.COMPLETED)
        lost.return_value = ("failed", (f"{why}; the same command goes on with it.", 1))
        return [lost]


@contextmanager
def joblib(launcher: Any) -> Iterator[None]:
    """End the worker processes together with the launch; joblib would keep them for the next one.

    A terminal sends Ctrl-C to them as well; they are started so that it does not reach them, since Python would show a
    stack trace of whatever they import at that moment.
    """
    # What joblib starts processes with; `subprocess` keeps a name of its own for it.
    import _posixsubprocess

    start = _posixsubprocess.fork_exec

    def start_without_ctrl_c(*arguments: Any, **words: Any) -> int:
        # A process inherits which signals are held back.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return int(start(*arguments, **words))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        with _replaced(_posixsubprocess, "fork_exec", start_without_ctrl_c):
            yield
    finally:
        module = sys.modules.get("joblib.externals.loky.reusable_executor")
        if (pool := getattr(module, "_executor", None)) is not None:
            pool.shutdown(wait=True, kill_workers=True)


ENGINES: dict[str, Engine] = {"ray": ray, "submitit_slurm": submitit, "submitit_local": submitit, "joblib": joblib}
"""By the name of the launcher."""

LOST = ("TerminatedWorkerError", "BrokenProcessPool", "WorkerCrashedError", "OutOfMemoryError", "NodeDiedError")
"""Errors that say that a worker process is gone."""


def why(error: Exception) -> str:
    """Return what an engine's error comes to, in a line."""
    if type(error).__name__ in LOST:
        return "a worker process was killed or ran out of memory"
    # The last line of a stack trace says what went wrong, that of a message of several lines is as good.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def _level(name: str, level: int) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
