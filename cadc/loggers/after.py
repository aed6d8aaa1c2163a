"""After a run: mirroring it as its configuration says, without letting a mirror fail what is finished."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cadc.configuration.components import Component
from cadc.terminal.progress import display


class AfterRun:
    """Mirrors the finished runs of one sweep, and its table.

    After a failure nothing more is tried: the next run would wait for the same server again.

    Parameters
    ----------
    group : name of the experiment that the sweep is of, if any.
    say : takes a line about a failure; the display of the sweep where none is given.
    """

    def __init__(self, group: str | None = None, say: Callable[[str], None] | None = None) -> None:
        self.group = group
        self.say = say or (lambda line: display().write(line))
        self.gave_up = False

    def run(self, logger: Component[Any], folder: Path) -> None:
        """Mirror one finished run.

        Parameters
        ----------
        logger : the component of its group `logger`.
        folder : of the run, in its ledger.
        """
        self._try(
            lambda: logger.build().mirror(folder, self.group),
            f"{folder.name} is finished but not mirrored, nor will what follows be",
            "`cadc sync` sends it later.",
        )

    def table(self, logger: Component[Any], folder: Path) -> None:
        """Mirror the results of the experiment.

        Parameters
        ----------
        logger : that of one of its runs.
        folder : of the results.
        """
        group = self.group or folder.name
        what, remedy = f"the table in {folder} is written but not mirrored", f"`cadc sync --experiment {group}` sends"
        if self.gave_up:
            self.say(f"{what} either; {remedy} all of it later.")
        self._try(lambda: logger.build().mirror_table(folder, group), what, f"{remedy} it later.")

    def _try(self, mirror: Callable[[], None], what: str, remedy: str) -> None:
        if self.gave_up:
            return
        try:
            mirror()
        except Exception as error:  # whatever it is, the run is finished
            self.gave_up = True
            self.say(f"{what}: {str(error).rstrip('.') or type(error).__name__}; {remedy}")
