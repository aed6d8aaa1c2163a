"""Logs the curves of runs to CSV files, as Lightning's own logger writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadc.loggers.curve import Curve, quiet
from cadc.loggers.of_lightning import LoggerOfLightning
from cadc.loggers.sent import SentNotes
from cadc.paths import user_path


class CSVFiles(LoggerOfLightning):
    """Writes `metrics.csv` and `hparams.yaml` of each run into a folder of its id, a line for each epoch as it ends.

    Parameters
    ----------
    folder : of the folders of the runs.
    """

    def __init__(self, folder: str = "outputs/csv") -> None:
        self.folder = folder

    def follow(self, run_id: str, config: Mapping[str, Any]) -> Curve:
        """Return a curve that writes the files of the run anew."""
        from pytorch_lightning.loggers import CSVLogger

        with quiet():
            return Curve(CSVLogger(user_path(self.folder), name="", version=run_id), config)

    def notes(self, ledger: Path) -> SentNotes:
        """Return the notes beside the folders of the runs."""
        return SentNotes(user_path(self.folder) / ".logged")
