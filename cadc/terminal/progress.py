"""Progress of a sweep: on a terminal a bar for the sweep above one for its run, elsewhere plain lines."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from cadc.escape import terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Report = Callable[[str], None]
"""Takes a line for the user."""

_shown: list["Display"] = []


class Display:
    """Bars of a sweep and of the run inside it, shown during a `with` block.

    Parameters
    ----------
    n_runs : number of runs of the sweep; a single run has one bar only.
    """

    def __init__(self, n_runs: int = 1) -> None:
        self.n_runs = n_runs
        self._bars: Progress | None = None
        self._sweep: TaskID | None = None

    def __enter__(self) -> "Display":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[state]}", markup=False),
                console=Console(stderr=True),
                transient=True,
            )
            self._bars.start()
            if self.n_runs > 1:
                self._sweep = self._bars.add_task("sweep", total=self.n_runs, state=f"0/{self.n_runs}")
        _shown.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _shown.remove(self)
        if self._bars is not None:
            self._bars.stop()

    def write(self, line: str) -> None:
        """Print a text as one line on standard error, above the bars if there are any."""
        line = terminal(line)
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def sweep(self, n_done: int, state: str) -> None:
        """Move the bar of the sweep to `n_done` runs, with a text beside it."""
        if self._bars is not None and self._sweep is not None:
            self._bars.update(self._sweep, completed=n_done, state=state)

    def run(self) -> "RunBar":
        """Return the bar of one run."""
        return RunBar(self._bars)


class RunBar:
    """Bar of one run; without a terminal it does nothing.

    Parameters
    ----------
    bars : rich's bars; None without a terminal.
    """

    def __init__(self, bars: "Progress | None") -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def move(self, n_done: int, total: int, state: str) -> None:
        """Show that `n_done` steps of `total` are done, with a text beside the bar."""
        if self._bars is not None:
            if self._task is None:
                self._task = self._bars.add_task("run", total=total, state=state)
            self._bars.update(self._task, completed=n_done, total=total, state=state)

    def close(self) -> None:
        """Remove the bar."""
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None


def display() -> Display:
    """Return the display that is shown now, or one without bars."""
    return _shown[-1] if _shown else Display()


def say(line: str) -> None:
    """Print a text as one line on standard error, whatever names are in it."""
    display().write(line)


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, with hours if it has any.

    >>> clock(59), clock(3723)
    ('0:59', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
