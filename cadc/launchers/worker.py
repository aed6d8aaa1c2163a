"""The worker side of a launcher: runs one task in a process of Ray, Slurm or joblib."""

import os
import platform
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadc.errors import CadcError
from cadc.paths import cache_dir, data_dir, runs_dir

Answer = tuple[str, Any]
"""`("done", result)`, or `("failed", (message, exit status))`, since not every error can be pickled."""


@dataclass(frozen=True)
class Places:
    """Folders of runs, caches and data, which all machines share.

    Parameters
    ----------
    variables : environment variables; None for those that are not set.
    folder : the working directory.
    """

    variables: dict[str, str | None]
    folder: str

    @classmethod
    def here(cls) -> "Places":
        """Return the folders of this process, as absolute paths."""
        data = data_dir()
        found = {
            "CADC_RUNS": str(runs_dir()),
            "CADC_CACHE": str(cache_dir()),
            "CADC_DATA_DIR": None if data is None else str(data),
            "CADC_LEASE_SECONDS": os.environ.get("CADC_LEASE_SECONDS"),
        }
        return cls(found, str(Path.cwd()))

    def go(self) -> None:
        """Make this process use the folders; variables that are None are unset."""
        for name, value in self.variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if Path(self.folder).is_dir():
            os.chdir(self.folder)


class Worker:
    """Called by a launcher in the worker process: runs the task with the given number.

    Parameters
    ----------
    tasks : callables without arguments, which can be pickled.
    places : of the launching process.
    """

    def __init__(self, tasks: Sequence[Callable[[], Any]], places: Places) -> None:
        self.tasks = list(tasks)
        self.places = places

    def __call__(self, config: Any) -> Answer:
        """Run the task with the number `config["task"]`."""
        from hydra.core.global_hydra import GlobalHydra

        # The configuration of the launcher is no longer needed; those of runs are composed in this process.
        GlobalHydra.instance().clear()
        self.places.go()
        with _notice() as notice:
            try:
                return "done", self.tasks[config["task"]]()
            except CadcError as error:
                return "failed", (str(error), error.exit_status)
            except KeyboardInterrupt:
                if notice and isinstance(notice[0], SystemExit):
                    # No result: the job is queued again, by submitit or by Slurm, and resumes from its checkpoint.
                    raise notice[0] from None
                why = f"stopped on {platform.node()}"
                if notice:
                    why += f": {notice[0]}"
                return "failed", (why, 1)
            except Exception as error:
                return "failed", (f"{type(error).__name__}: {error} (on {platform.node()})", 1)


@contextmanager
def _notice() -> Iterator[list[BaseException]]:
    """Make the signals with which Slurm preempts a job interrupt the task like Ctrl-C; yield their exceptions.

    submitit's handler raises an exit (the job is queued again) or an error (no time is left) anywhere in the program.
    The error would be taken for a failure of the run.
    """
    notice: list[BaseException] = []
    if "SUBMITIT_EXECUTOR" not in os.environ:
        yield notice
        return
    from submitit import JobEnvironment

    number = JobEnvironment._usr_sig()
    handlers = {number: signal.getsignal(number), signal.SIGTERM: signal.getsignal(signal.SIGTERM)}
    queue_again = handlers[number]

    def preempted(number: int, frame: Any) -> None:
        assert callable(queue_again)
        try:
            queue_again(number, frame)
        except BaseException as reason:
            notice.append(reason)
            raise KeyboardInterrupt from reason

    def terminated(number: int, frame: Any) -> None:
        notice.append(SystemExit(128 + number))
        raise KeyboardInterrupt

    if callable(queue_again):
        signal.signal(number, preempted)
    signal.signal(signal.SIGTERM, terminated)
    try:
        yield notice
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
