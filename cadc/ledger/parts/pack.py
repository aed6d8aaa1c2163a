"""Packs runs of a ledger into one archive."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cadc import __version__
from cadc.errors import CadcError
from cadc.ledger.left_out import MAY_BE_LEFT_OUT
from cadc.ledger.parts.layout import FORMAT, INDEX, PREFIX
from cadc.ledger.parts.pieces import pieces
from cadc.ledger.record_hash import KEY, is_intact
from cadc.ledger.store import Ledger
from cadc.paths import regular_file
from cadc.storage.output_files import write_output
from cadc.storage.run_files import RECORD

BEGINNING_OF_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of all entries, so that equal runs are equal archives."""


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Parameters
    ----------
    n_runs : number of runs.
    n_bytes : of their files, as they are in the ledger.
    left_out : names of the files that were left out.
    """

    n_runs: int
    n_bytes: int
    left_out: tuple[str, ...]


def pack(ledger: Ledger, run_ids: Sequence[str], path: Path, weights: bool = False) -> Packed:
    """Write an archive of runs, each of whose files is compared with its hash in the record.

    Parameters
    ----------
    ledger, run_ids : of the runs, which have ended.
    path : of the archive.
    weights : whether the weights of the models are packed as well.

    Raises
    ------
    CadcError : if a run was changed after it was written, or is of a version whose records have no hashes.
    NotWritable : if the archive cannot be written.
    """
    packing = _Packing(ledger, weights)

    def build(aside: Path) -> None:
        with zipfile.ZipFile(aside, "w") as file:
            for run_id in dict.fromkeys(run_ids):
                packing.add(file, run_id)
            _put(file, INDEX, json.dumps({"format": FORMAT, "made_by": __version__, "runs": packing.index}).encode())

    write_output(path, build)
    return Packed(len(packing.index), packing.n_bytes, tuple(sorted(packing.left_out)))


class _Packing:
    """The state of `pack`."""

    def __init__(self, ledger: Ledger, weights: bool) -> None:
        self.ledger = ledger
        self.weights = weights
        self.index: dict[str, dict[str, list[str]]] = {}
        self.n_bytes = 0
        self.left_out: set[str] = set()
        self._written: set[str] = set()

    def add(self, file: zipfile.ZipFile, run_id: str) -> None:
        """Write the pieces of a run that no earlier run has."""
        record, folder = self.ledger.record(run_id), self.ledger.path(run_id)
        hashes = record.get("files", {})
        if KEY not in record or ("files" not in record and record.get("status", "finished") == "finished"):
            raise CadcError(f"run {run_id} is of an early version without hashes of its files; leave it out.")
        if not is_intact(regular_file(folder / RECORD).read_bytes()):
            raise self._changed(run_id, RECORD)
        wanted = [name for name in hashes if self.weights or name not in MAY_BE_LEFT_OUT]
        absent = [name for name in wanted if not (folder / name).is_file()]
        if rows := [name for name in absent if name not in MAY_BE_LEFT_OUT]:
            raise self._changed(run_id, rows[0])
        if absent:
            raise CadcError(
                f"run {run_id} has no {absent[0]} here, since it was unpacked without; leave --weights out, or pack it "
                "where it was made."
            )
        self.left_out |= set(hashes) - set(wanted)
        self.index[run_id] = {RECORD: self._cut(file, folder / RECORD, run_id, None)}
        for name in wanted:
            self.index[run_id][name] = self._cut(file, folder / name, run_id, str(hashes[name]))

    def _cut(self, file: zipfile.ZipFile, path: Path, run_id: str, expected: str | None) -> list[str]:
        """Write the pieces of a file that are not in the archive yet; return the SHA-256 of all of them."""
        names, whole = [], hashlib.sha256()
        for piece in pieces(regular_file(path)):
            whole.update(piece)
            name = hashlib.sha256(piece).hexdigest()
            if name not in self._written:
                self._written.add(name)
                _put(file, f"{PREFIX}{name}", piece)
            names.append(name)
            self.n_bytes += len(piece)
        if expected is not None and whole.hexdigest() != expected:
            raise self._changed(run_id, path.name)
        return names

    def _changed(self, run_id: str, name: str) -> CadcError:
        return CadcError(
            f"{self.ledger.path(run_id) / name} is not the file that the run wrote; delete the folder of run {run_id} "
            "and run it again, or leave it out."
        )


def _put(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, BEGINNING_OF_TIME)
    info.external_attr = 0o644 << 16
    file.writestr(info, content, zipfile.ZIP_DEFLATED)


def packable(ledger: Ledger) -> list[str]:
    """Return the ids of the runs that results are made of: finished ones, and those that cannot meet their budget."""
    return [
        run_id
        for run_id, status in ledger.statuses().items()
        if status in ("finished", "unreadable") or (status == "failed" and ledger.is_unreachable(run_id))
    ]
