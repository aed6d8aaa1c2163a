"""Where the curves of a run go: a CSV file in its folder, wandb, or nowhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


class NoCurves:
    """Keeps no curves."""

    def loggers(self, folder: Path, run_id: str, config: dict[str, Any]) -> "list[Logger]":
        """Return Lightning's loggers of a run."""
        return []

    def close(self) -> None:
        """End what the loggers of the last run left open."""


class CSVCurves(NoCurves):
    """Writes `metrics.csv` into the run's folder: a row an epoch."""

    def loggers(self, folder: Path, run_id: str, config: dict[str, Any]) -> "list[Logger]":
        """Return Lightning's loggers of a run."""
        from pytorch_lightning.loggers import CSVLogger

        return [CSVLogger(folder, name="", version="")]


class WandbCurves(CSVCurves):
    """Mirrors a run in Weights & Biases, in files only until switched online.

    Parameters
    ----------
    project : name of the project there.
    mode : `offline` writes into `folder`; `online` also sends.
    folder : where wandb keeps its files.
    """

    def __init__(
        self,
        project: str = "cadc",
        mode: Literal["offline", "online"] = "offline",
        folder: str = "outputs/wandb",
    ) -> None:
        self.project = project
        self.mode = mode
        self.folder = folder

    def loggers(self, folder: Path, run_id: str, config: dict[str, Any]) -> "list[Logger]":
        """Return Lightning's loggers of a run: the CSV file, and wandb."""
        from pytorch_lightning.loggers import WandbLogger

        Path(self.folder).mkdir(parents=True, exist_ok=True)
        wandb = WandbLogger(
            project=self.project,
            id=run_id,
            name=run_id,
            save_dir=self.folder,
            offline=self.mode == "offline",
            config=config,
        )
        return [*super().loggers(folder, run_id, config), wandb]

    def close(self) -> None:
        """End the wandb run, or the next one of a sweep would go on in it."""
        import wandb

        wandb.finish()
