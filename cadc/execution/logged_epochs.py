"""Logs the epochs of a run while it is trained; a failing logger does not touch the run."""

from collections.abc import Callable

from cadc.configuration.components import Component
from cadc.execution.jobs import Job
from cadc.execution.observer import EpochObserver
from cadc.loggers.failures import failures
from cadc.loggers.logger import EpochLog, RunLogger
from cadc.terminal.progress import say
from cadc.training.fit_state import History


class LoggedEpochs(EpochObserver):
    """Hands epochs to the logger that the configuration of a run names, if that follows runs.

    Parameters
    ----------
    job : the run.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.logger = Component.read(job.settings.config["logger"], "logger", RunLogger)
        self._curve: EpochLog | None = None
        if job.settings.fit is not None and self.logger not in failures:
            self._try(self._begin)

    def _begin(self) -> None:
        self._curve = self.logger.build().follow(self.job.run_id, self.job.settings.config)

    def tell(self, history: History) -> None:
        """Log the epochs that are new."""
        if (curve := self._curve) is not None:
            self._try(lambda: curve.extend(history))

    def end(self, state: str) -> None:
        """Close the curve; that of a finished run is completed from its record."""
        if (curve := self._curve) is not None:
            self._try(lambda: curve.close(state))

    def _try(self, log: Callable[[], None]) -> None:
        try:
            log()
        except Exception as error:  # whatever it is, the run goes on
            self._curve = None
            if reason := failures.note(self.logger, error):
                say(f"run {self.job.run_id} goes on, but its epochs are not logged: {reason}; {self.logger.cls.later}")
