"""No mirror: the ledger alone holds what was run."""

from pathlib import Path


class NoMirror:
    """Copies nothing; a run's curves lie in its folder in any case (`metrics.csv`)."""

    def mirror(self, folder: Path, group: str | None) -> None:
        """Do nothing about a finished run."""

    def mirror_table(self, folder: Path, group: str) -> None:
        """Do nothing about the table of an experiment."""
