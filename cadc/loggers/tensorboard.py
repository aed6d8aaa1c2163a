"""Logs the curves of runs to TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from cadc.loggers.curve import Curve
from cadc.loggers.of_lightning import LoggerOfLightning
from cadc.loggers.sent import SentNotes
from cadc.paths import user_path


class TensorBoard(LoggerOfLightning):
    """Writes events of each run into a folder of its id, for `tensorboard --logdir`.

    Parameters
    ----------
    folder : of the folders of the runs.
    """

    package: ClassVar[str | None] = "tensorboard"

    def __init__(self, folder: str = "outputs/tensorboard") -> None:
        self.folder = folder

    def follow(self, run_id: str, config: Mapping[str, Any]) -> Curve:
        """Return a curve whose events replace those of earlier attempts."""
        from pytorch_lightning.loggers import TensorBoardLogger

        logger = TensorBoardLogger(
            str(user_path(self.folder)),
            name="",
            version=run_id,
            default_hp_metric=False,
            purge_step=0,  # TensorBoard leaves out what was written before from this step on
        )
        return Curve(logger, config)

    def notes(self, ledger: Path) -> SentNotes:
        """Return the notes beside the folders of the runs."""
        return SentNotes(user_path(self.folder) / ".logged")
