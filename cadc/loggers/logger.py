"""The base class of loggers: a place beside the ledger that runs are copied to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol


class EpochLog(Protocol):
    """Takes the epochs of one run while it is trained."""

    def extend(self, history: Sequence[Mapping[str, float]]) -> None:
        """Take the epochs so far, a row each."""

    def close(self, state: str) -> None:
        """Take how the attempt at the run ended, such as `finished` or `interrupted`."""


class RunLogger(ABC):
    """Copies runs, and the results of experiments, elsewhere; some already while a run is trained.

    Whatever a logger raises, the run goes on and stays finished: the failure is reported, and nothing more is logged.
    """

    later: ClassVar[str] = "the same command logs it later."
    """How a run is logged after a failure."""

    @classmethod  # noqa: B027
    def require_installed(cls) -> None:
        """Raise a UsageError if a package is missing that this logger needs; called before anything is run."""

    def follow(self, run_id: str, config: Mapping[str, Any]) -> EpochLog | None:
        """Return what takes the epochs of a run as they end; None if this logger waits for the finished run.

        Parameters
        ----------
        run_id : of a run that begins or is resumed.
        config : its configuration, as its record will hold it.
        """
        return None

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
