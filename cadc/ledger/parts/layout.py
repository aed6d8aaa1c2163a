"""The layout of a part: a ZIP archive of pieces, each named by its SHA-256, and an index that puts runs together.

An archive may come from anyone. Nothing in it becomes a path but ids and file names that are checked here, and nothing
is written before all of its entries and its index were found plausible.
"""

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from cadc.configuration.nested import depth
from cadc.data.archive import BROKEN, ENCRYPTED
from cadc.errors import DataError, reason, shown
from cadc.ledger.parts.pieces import MAX_PIECE
from cadc.paths import regular_file
from cadc.storage.run_files import CURVES, MODEL, RANKS, RECORD, SCORES

INDEX = "part.json"
FORMAT = 1
PREFIX = "pieces/"
PIECE = re.compile(r"pieces/[0-9a-f]{64}")
RUN = re.compile(r"[0-9a-f]{8,64}")
"""Ids of runs, which become names of folders."""

LARGEST = {RECORD: 16 << 20, CURVES: 64 << 20, SCORES: 8 << 30, RANKS: 8 << 30, MODEL: 64 << 30}
"""Files that a run may have in a part, and the most bytes of each."""
MAX_INDEX = 256 << 20
MAX_ENTRIES = 2_000_000
MAX_RATIO = 500
"""A part whose runs are more times as large counts as a ZIP bomb; runs of a grid are 2 to 5 times as large."""
MAX_DEPTH = 8

Index = Mapping[str, Mapping[str, list[str]]]
"""By run and file, the SHA-256 of the pieces of the file."""


class Part:
    """A part that is open for reading, whose entries and index have been checked.

    Parameters
    ----------
    path : of the archive.

    Attributes
    ----------
    runs : by run and file, the SHA-256 of the pieces of the file.

    Raises
    ------
    DataError : if it is not a part, is broken, or holds something that `cadc ledger pack` does not write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(regular_file(path))
        except OSError as error:
            raise DataError(f"{path} cannot be read ({reason(error)}); name a file of `cadc ledger pack`.") from error
        except BROKEN as error:
            raise self.refused(f"it is not a ZIP archive ({error})") from error
        try:
            self._sizes = self._checked_entries()
            self.runs = self._checked_index(self._read(INDEX, MAX_INDEX))
        except BaseException:
            self._zip.close()
            raise

    def refused(self, why: str) -> DataError:
        """Return the error for an archive that is not unpacked."""
        return DataError(f"{self.path} was not unpacked: {why}; ask for the file anew.")

    def copy(self, run_id: str, name: str, take: Callable[[bytes], object]) -> str:
        """Hand the bytes of a file to a function, piece by piece; return the SHA-256 of the file.

        Raises
        ------
        DataError : if the archive is damaged, or a piece is not the one that its name says.
        """
        whole = hashlib.sha256()
        for piece in self.runs[run_id][name]:
            content = self._read(f"{PREFIX}{piece}", MAX_PIECE)
            if hashlib.sha256(content).hexdigest() != piece:
                raise self.refused(f"{name} of run {run_id} has changed: the SHA-256 of a piece differs from its name")
            whole.update(content)
            take(content)
        return whole.hexdigest()

    def content(self, run_id: str, name: str) -> bytes:
        """Return the bytes of a small file."""
        found = bytearray()
        self.copy(run_id, name, found.extend)
        return bytes(found)

    def _read(self, name: str, most: int) -> bytes:
        """Return the content of an entry, of no more bytes than it declares."""
        declared = self._sizes[name]
        try:
            with self._zip.open(name) as file:
                content = file.read(min(declared, most) + 1)
        except OSError as error:
            raise self.refused(f"{name} cannot be read ({reason(error)})") from error
        except BROKEN as error:
            raise self.refused(f"{name} cannot be read ({error})") from error
        if len(content) != declared:
            raise self.refused(f"{name} declares a wrong size, {declared} bytes")
        return content

    def _checked_entries(self) -> dict[str, int]:
        """Return the size of each entry by name."""
        listed = self._zip.infolist()
        if len(listed) > MAX_ENTRIES:
            raise self.refused(f"it lists {len(listed)} entries, more than {MAX_ENTRIES}")
        sizes: dict[str, int] = {}
        for info in listed:
            # The name as written in the file; `info.filename` ends at a NUL.
            name = info.orig_filename
            if name != INDEX and not PIECE.fullmatch(name):
                raise self.refused(f"it holds {shown(name)}, which is no piece of a run")
            if name in sizes:
                raise self.refused(f"it has a duplicated {name}")
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                raise self.refused(f"it holds {name}, a link or a device")
            if info.flag_bits & ENCRYPTED:
                raise self.refused(f"it holds {name} encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self.refused(f"it holds {name} in another compression than deflate")
            if info.file_size > (MAX_INDEX if name == INDEX else MAX_PIECE):
                raise self.refused(f"{name} has {info.file_size} bytes, more than a piece may have")
            sizes[name] = info.file_size
        if INDEX not in sizes:
            raise self.refused(f"it has no {INDEX}, so `cadc ledger pack` did not write it")
        return sizes

    def _checked_index(self, content: bytes) -> Index:
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self.refused(f"{INDEX} is not JSON ({error})") from error
        if not isinstance(found, dict) or depth(found) > MAX_DEPTH or found.get("format") != FORMAT:
            made = shown(found.get("format")) if isinstance(found, dict) else "none"
            raise self.refused(f"the format in {INDEX} is {made}, but this cadc reads {FORMAT}")
        runs = found.get("runs")
        if not isinstance(runs, dict):
            raise self.refused(f"{INDEX} lists no runs")
        total = 0
        for run_id, files in runs.items():
            if not RUN.fullmatch(run_id):
                raise self.refused(f"{INDEX} lists {shown(run_id)}, which is not the id of a run")
            if not isinstance(files, dict) or RECORD not in files:
                raise self.refused(f"{INDEX} lists run {run_id} without {RECORD}")
            total += sum(self._checked_size(run_id, name, own) for name, own in files.items())
        if total > MAX_RATIO * self.path.stat().st_size:
            raise self.refused(f"it would grow more than {MAX_RATIO}-fold, to {total} bytes")
        return runs

    def _checked_size(self, run_id: str, name: str, own: Any) -> int:
        """Return the bytes of a file that the index lists."""
        if name not in LARGEST:
            raise self.refused(f"{INDEX} lists {shown(name)} of run {run_id}, which is not a file of a run")
        if not isinstance(own, list) or not all(
            isinstance(piece, str) and f"{PREFIX}{piece}" in self._sizes for piece in own
        ):
            raise self.refused(f"it lacks pieces of {name} of run {run_id}")
        size = sum(self._sizes[f"{PREFIX}{piece}"] for piece in own)
        if size > LARGEST[name]:
            raise self.refused(f"{name} of run {run_id} has {size} bytes, more than {LARGEST[name]}")
        return size

    def __enter__(self) -> "Part":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
