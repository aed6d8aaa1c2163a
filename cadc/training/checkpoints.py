"""Checkpoints on disk: written under the lease of their run, and verified by their hash when they are read."""

import hashlib
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Union

from cadc.errors import DamagedCheckpoint
from cadc.paths import regular_file
from cadc.storage.atomic_files import flush
from cadc.storage.lease import Lease
from cadc.storage.under_lease import fenced, put_empty_folder
from cadc.terminal.progress import say

BESIDE = "shards-"
"""How the names of sub-folders begin that belong to a checkpoint."""


class CheckpointFolder:
    """The newest checkpoint of a fit; the previous one is deleted once the newer one is complete.

    Parameters
    ----------
    folder : created with the first checkpoint.
    lease : under which checkpoints are written, in whose folder they are; None for a folder that no other process uses.
    """

    def __init__(self, folder: Path, lease: Lease | None = None) -> None:
        self.folder = folder
        self.lease = lease

    @classmethod
    def of(cls, place: Union[Path, "CheckpointFolder"]) -> "CheckpointFolder":
        """Return the checkpoints in a folder, or those that are given."""
        return place if isinstance(place, CheckpointFolder) else cls(place)

    def below(self, name: str) -> "CheckpointFolder":
        """Return the checkpoints of another fit of the same run, in a sub-folder."""
        return CheckpointFolder(self.folder / name, self.lease)

    def save(self, write: Callable[[Path], None]) -> None:
        """Let `write` create a file, and store it under its number and hash.

        Raises
        ------
        Lost : if another process took the run over.
        """
        if self.lease is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._save(write)
            return
        with fenced(self.lease):
            self._put_folder(self.folder, self.lease)
            self._save(write)

    def make(self, name: str) -> None:
        """Make an empty sub-folder for what belongs to the next checkpoint.

        Raises
        ------
        Lost : if another process took the run over.
        """
        if self.lease is None:
            (self.folder / name).mkdir(parents=True)
            return
        with fenced(self.lease):
            self._put_folder(self.folder / name, self.lease)

    def keep(self, name: str | None) -> None:
        """Remove the sub-folders of older checkpoints that `make` made, all but the one of this name."""
        for path in self.folder.glob(f"{BESIDE}*"):
            if path.name != name:
                shutil.rmtree(path, ignore_errors=True)

    def _put_folder(self, folder: Path, lease: Lease) -> None:
        for part in reversed([folder, *folder.parents]):
            # The folder of the lease itself is not made anew if it was removed.
            if lease.folder in part.parents:
                put_empty_folder(lease, part)

    def _save(self, write: Callable[[Path], None]) -> None:
        before = self._kept()
        number = _number(before[-1]) + 1 if before else 0
        partial = self.folder / f".partial-{secrets.token_hex(8)}.ckpt" if self.lease is None else self.lease.aside()
        try:
            write(partial)
            flush(partial)
            path = self.folder / f"{number}-{self._hash(partial)}.ckpt"
            if self.lease is not None:
                self.lease.require_held()
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        for older in before:
            if older.is_dir():  # it is damaged
                shutil.rmtree(older, ignore_errors=True)
            else:
                older.unlink(missing_ok=True)

    def __bool__(self) -> bool:
        return bool(self._kept())

    def newest(self) -> Path | None:
        """Return the newest checkpoint that is what was written, if there is any checkpoint.

        Raises
        ------
        DamagedCheckpoint : if none of the files is what was written.
        """
        kept = self._kept()
        for path in reversed(kept):
            if self._is_whole(path):
                return path
            if path != kept[0]:
                say(f"the checkpoint {path} is damaged; an older one is looked for.")
        if kept:
            raise DamagedCheckpoint(
                f"the checkpoint {kept[0]} is damaged; delete it to start this run from its beginning."
            )
        return None

    def _hash(self, path: Path) -> str:
        """Return a hash of a file and of the fit that it belongs to: one of another run is not what was written."""
        whose = "" if self.lease is None else f"{self.folder.relative_to(self.lease.folder.parent)}\0"
        with regular_file(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.sha256(whose.encode())).hexdigest()

    def _is_whole(self, path: Path) -> bool:
        try:
            return path.stem.partition("-")[2] == self._hash(path)
        except OSError:
            return False  # it cannot be read, or is no file

    def _kept(self) -> list[Path]:
        """Return the complete checkpoints, newest last; a killed run can leave two."""
        found = [path for path in self.folder.glob("*-*.ckpt") if path.stem.partition("-")[0].isdecimal()]
        return sorted(found, key=_number)


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[0])
