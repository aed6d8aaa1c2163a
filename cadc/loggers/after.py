"""Logging finished runs as their configuration says; a failing logger does not fail the run."""

from collections.abc import Callable
from pathlib import Path

from cadc.configuration.components import Component
from cadc.loggers.failures import failures
from cadc.loggers.logger import RunLogger
from cadc.terminal.progress import Report, display


class AfterRun:
    """Logs the finished runs of one sweep, and its table.

    After a failure nothing more is logged: the next run would wait for the same server again.

    Parameters
    ----------
    group : name of the sweep's experiment, if any.
    report : takes a line about a failure; None prints it.
    """

    def __init__(self, group: str | None = None, report: Report | None = None) -> None:
        self.group = group
        self.report = report or (lambda line: display().write(line))
        self.gave_up = False
        failures.clear()

    def run(self, logger: Component[RunLogger], folder: Path) -> None:
        """Log one finished run.

        Parameters
        ----------
        logger : that the configuration of the run names.
        folder : of the run, in its ledger.
        """
        self._try(
            logger,
            lambda: logger.build().log_run(folder, self.group),
            f"run {folder.name} is finished but not logged, nor will later runs be",
            logger.cls.later,
        )

    def table(self, logger: Component[RunLogger], folder: Path) -> None:
        """Log the results of the experiment.

        Parameters
        ----------
        logger : that the configuration of one of its runs names.
        folder : of the results.
        """
        group = self.group or folder.name
        what, remedy = f"the table in {folder} is written but not logged", f"`cadc sync --experiment {group}` sends"
        if self.gave_up:
            self.report(f"{what} either; {remedy} all of it later.")
        self._try(logger, lambda: logger.build().log_results(folder, group), what, f"{remedy} it later.")

    def _try(self, logger: Component[RunLogger], log: Callable[[], None], what: str, remedy: str) -> None:
        if self.gave_up:
            return
        try:
            log()
        except Exception as error:  # whatever it is, the run stays finished
            self.gave_up = True
            # It may have been said while the run was trained.
            if reason := failures.note(logger, error):
                self.report(f"{what}: {reason}; {remedy}")
