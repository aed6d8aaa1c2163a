"""No logger: runs are in the ledger alone."""

from pathlib import Path

from cadc.loggers.logger import RunLogger


class NoLogger(RunLogger):
    """Copies nothing; the curves of a run are in its folder in any case (`metrics.csv`)."""

    def log_run(self, folder: Path, group: str | None) -> None:
        """Do nothing."""
