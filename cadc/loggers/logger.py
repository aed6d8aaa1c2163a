"""What a logger is: a place beside the ledger that finished runs are copied to."""

from abc import ABC, abstractmethod
from pathlib import Path


class RunLogger(ABC):
    """Mirrors finished runs, and the tables of experiments, elsewhere.

    Whatever it raises leaves the run finished: the failure is told, and nothing more is mirrored in that sweep.
    """

    @abstractmethod
    def mirror(self, folder: Path, group: str | None) -> None:
        """Copy a finished run.

        Parameters
        ----------
        folder : of the run, in its ledger, with `record.json` and perhaps `metrics.csv`.
        group : name of the experiment that it belongs to, if any.
        """

    def mirror_table(self, folder: Path, group: str) -> None:  # noqa: B027
        """Copy the results of an experiment.

        Parameters
        ----------
        folder : of the results, with `table.csv`.
        group : name of the experiment.
        """
