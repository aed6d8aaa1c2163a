"""What the loggers of Lightning have in common: they follow a run epoch by epoch, and complete it from its record."""

from abc import abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from cadc.errors import UsageError
from cadc.loggers.content import digest_of_files, run_content
from cadc.loggers.curve import Curve
from cadc.loggers.logger import RunLogger
from cadc.loggers.sent import SentNotes
from cadc.storage.run_files import CURVES, RECORD


class LoggerOfLightning(RunLogger):
    """Logs each run through a `pytorch_lightning.loggers.Logger` of its own.

    A run that was killed and is resumed continues its curve: a subclass returns a `Curve` that holds each epoch once,
    however often the run was begun.
    """

    package: ClassVar[str | None] = None
    """A module that must be installed, of the extra of the same name."""

    @classmethod
    def require_installed(cls) -> None:
        """Raise a UsageError if the package is missing."""
        if cls.package is not None and find_spec(cls.package) is None:
            raise UsageError(
                f"logger={cls.package} needs the package {cls.package}, which is not installed; "
                f"`pip install 'cadc[{cls.package}]'` adds it."
            )

    @abstractmethod
    def follow(self, run_id: str, config: Mapping[str, Any]) -> Curve:
        """Return the curve of a run that begins or is resumed."""

    @abstractmethod
    def notes(self, ledger: Path) -> SentNotes:
        """Return the notes of what was logged.

        Parameters
        ----------
        ledger : folder of the ledger.
        """

    def log_run(self, folder: Path, group: str | None) -> None:
        """Complete the curve of a finished run, unless it was logged as it is now.

        Parameters
        ----------
        folder : of the run, in its ledger.
        group : name of the experiment that the run belongs to, if any.

        Raises
        ------
        CadcError : if record or curves cannot be read.
        """
        notes, now = self.notes(folder.parent), {"digest": digest_of_files(folder / RECORD, folder / CURVES)}
        if notes.read(folder.name) != now:
            content = run_content(folder, group)
            self.follow(folder.name, content["config"]).complete(content["history"], content["summary"])
            notes.write(folder.name, now)
