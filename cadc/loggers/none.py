"""No mirror: the ledger alone holds what was run."""

from pathlib import Path

from cadc.loggers.logger import RunLogger


class NoMirror(RunLogger):
    """Copies nothing; a run's curves lie in its folder in any case (`metrics.csv`)."""

    def mirror(self, folder: Path, group: str | None) -> None:
        """Do nothing about a finished run."""
