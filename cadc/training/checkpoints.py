"""Checkpoints on disk: written atomically, and verified by their hash when they are read."""

from collections.abc import Callable
from pathlib import Path

from cadc.errors import DamagedCheckpoint
from cadc.provenance.fingerprint import file_hash
from cadc.storage.atomic_files import flush

PARTIAL = ".partial.ckpt"


class CheckpointFolder:
    """The newest checkpoint of a fit; the previous one is deleted once the newer one is complete.

    Parameters
    ----------
    folder : created with the first checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, write: Callable[[Path], None]) -> None:
        """Let `write` create a file, and store it under its number and hash."""
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self._kept()
        partial = self.folder / PARTIAL
        try:
            write(partial)
            flush(partial)
            number = _number(before[-1]) + 1 if before else 0
            partial.replace(self.folder / f"{number}-{file_hash(partial)}.ckpt")
        finally:
            partial.unlink(missing_ok=True)
        for path in before:
            path.unlink(missing_ok=True)

    def __bool__(self) -> bool:
        return bool(self._kept())

    def newest(self) -> Path | None:
        """Return the newest checkpoint, if there is any.

        Raises
        ------
        DamagedCheckpoint : if the file is not what was written.
        """
        kept = self._kept()
        if not kept:
            return None
        path = kept[-1]
        if not path.stem.endswith(file_hash(path)):
            raise DamagedCheckpoint(
                f"the checkpoint {path} is damaged; delete it to start this run from its beginning."
            )
        return path

    def _kept(self) -> list[Path]:
        """Return the complete checkpoints, newest last; a killed run can leave two."""
        found = [path for path in self.folder.glob("*-*.ckpt") if path.stem.partition("-")[0].isdecimal()]
        return sorted(found, key=_number)


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[0])
