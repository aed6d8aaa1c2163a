"""The base class of loggers: a place beside the ledger that finished runs are copied to."""

from abc import ABC, abstractmethod
from pathlib import Path


class RunLogger(ABC):
    """Copies finished runs, and the results of experiments, elsewhere.

    Whatever a logger raises, the run stays finished: the failure is reported, and nothing more is logged in that sweep.
    """

    @abstractmethod
    def log_run(self, folder: Path, group: str | None) -> None:
        """Copy a finished run.

        Parameters
        ----------
        folder : of the run, in its ledger, with `record.json` and, if it was trained, `metrics.csv`.
        group : name of the experiment that the run belongs to, if any.
        """

    def log_results(self, folder: Path, group: str) -> None:  # noqa: B027
        """Copy the results of an experiment.

        Parameters
        ----------
        folder : of the results, with `table.csv`.
        group : name of the experiment.
        """
