"""Unpacks runs from an archive into a ledger: each appears whole and verified, or not at all."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cadc.configuration.nested import part
from cadc.errors import CadcError, NotWritable
from cadc.ledger.left_out import MAY_BE_LEFT_OUT, write_left_out
from cadc.ledger.parts.layout import Part
from cadc.ledger.record_hash import KEY, is_intact
from cadc.ledger.record_schema import check_record
from cadc.ledger.status import require_known_status
from cadc.ledger.store import Ledger, Record
from cadc.ledger.verify import verify_folder
from cadc.storage.lease import Lease
from cadc.storage.run_files import LEFT_OUT, RECORD
from cadc.terminal.interrupts import check_interrupt

PATIENCE = 5.0
"""Seconds to wait for a run that another process holds: enough to unpack one, too few to train one."""


@dataclass
class Unpacked:
    """What became of the runs of an archive.

    Parameters
    ----------
    new : ids of the runs that the ledger has now.
    completed : of those that were there without their weights.
    equal : of those that were there with the same result.
    refused : why others were not unpacked, by id.
    """

    new: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def unpack(path: Path, ledger: Ledger) -> Unpacked:
    """Add the runs of an archive to a ledger; a run that is there stays as it is.

    Each run is verified as `cadc ledger verify` does before its folder takes its name, so that a process that is killed
    leaves whole runs alone, and the same command goes on.

    Parameters
    ----------
    path : of the archive, which anyone may have written.
    ledger : that receives its runs.

    Raises
    ------
    DataError : if the archive is no part; nothing is written then.
    NotWritable : if the ledger cannot be written.
    """
    found = Unpacked()
    with Part(path) as archive:
        for run_id in archive.runs:
            check_interrupt()
            try:
                _Arrival(archive, run_id, ledger).unpack(found)
            except NotWritable:
                raise
            except CadcError as error:
                found.refused[run_id] = str(error).rstrip(".")
    return found


class _Arrival:
    """A run of an archive, whose record is sound."""

    def __init__(self, archive: Part, run_id: str, ledger: Ledger) -> None:
        self.archive, self.run_id, self.ledger = archive, run_id, ledger
        self.files = [name for name in archive.runs[run_id] if name != RECORD]
        self.record = self._sound_record()
        hashes = part(self.record, "files")
        if unknown := sorted(set(self.files) - set(hashes)):
            raise CadcError(f"its record names no {unknown[0]}")
        self.left_out = sorted(set(hashes) - set(self.files))
        if rows := [name for name in self.left_out if name not in MAY_BE_LEFT_OUT]:
            raise CadcError(f"it was packed without {rows[0]}")

    def _sound_record(self) -> Record:
        where, content = f"{RECORD} in {self.archive.path}", self.archive.content(self.run_id, RECORD)
        try:
            record = json.loads(content)
            if not isinstance(record, dict) or KEY not in record or not is_intact(content):
                raise ValueError("its hashes are others")
            require_known_status(record)
        except (ValueError, RecursionError, CadcError) as error:
            raise CadcError(f"{where} is not a record that cadc wrote ({error})") from error
        if record.get("status", "finished") == "finished" or record.get("unreachable"):
            check_record(record, where, self.run_id)
        elif record.get("id") != self.run_id:
            raise CadcError(f"{where} is that of another run")
        return record

    def unpack(self, found: Unpacked) -> None:
        """Add the run to the ledger, and note what became of it."""
        if self._is_there(found):
            return
        was_begun = self.ledger.workplace(self.run_id).is_dir()
        lease = self._lease()
        if lease is None:
            raise CadcError("another process works on it; unpack again when it has ended")
        with lease:
            try:
                if not self._is_there(found):
                    self._write(lease, found)
            except CadcError:
                if was_begun:
                    raise
                self.ledger.tidy(lease)
                raise
            self.ledger.tidy(lease)

    def _lease(self) -> Lease | None:
        """Return the lease of the run, for which a process that unpacks it, too, is waited for."""
        until = time.monotonic() + PATIENCE
        while (lease := self.ledger.claim(self.run_id)) is None and time.monotonic() < until:
            check_interrupt()
            time.sleep(0.05)
        return lease

    def _is_there(self, found: Unpacked) -> bool:
        """Note a run that the ledger has; return False if there is something to add.

        Raises
        ------
        CadcError : if the ledger has another result of it, which stays.
        """
        here = self.ledger.recorded(self.run_id)
        is_finished = self.record.get("status", "finished") == "finished"
        if here is None or (here != "finished" and is_finished):
            return False
        if is_finished and (fault := self._difference(self.ledger.record(self.run_id))):
            raise CadcError(fault)
        if self._additional():
            return False
        found.equal.append(self.run_id)
        return True

    def _difference(self, here: Record) -> str | None:
        """Return how a record here differs in its result; times and machines do not count."""
        for name in sorted({*here["metrics"], *self.record["metrics"]}):
            mine, theirs = (record["metrics"].get(name) for record in (here, self.record))
            if mine != theirs:
                cpus = [str(part(record, "environment").get("cpu")) for record in (here, self.record)]
                on = f", on {cpus[0]} and on {cpus[1]}" if cpus[0] != cpus[1] else ""
                return f"the ledger has another result of it, which stays: {name} {mine} here, {theirs} there{on}"
        if part(here, "files") != part(self.record, "files"):
            return "the ledger has another result of it, which stays: the hashes of its files differ"
        return None

    def _additional(self) -> list[str]:
        """Return the names of files that the run here was unpacked without, and that this archive has."""
        folder = self.ledger.path(self.run_id)
        return [name for name in self.files if name in MAY_BE_LEFT_OUT and not (folder / name).exists()]

    def _write(self, lease: Lease, found: Unpacked) -> None:
        completes = self.run_id in self.ledger
        fill = self._complete if completes else self._fill
        self.ledger.bring_in(lease, self._verified(fill), replace=completes or self.ledger.path(self.run_id).exists())
        (found.completed if completes else found.new).append(self.run_id)

    def _fill(self, folder: Path) -> None:
        self._copy(RECORD, folder)
        for name in self.files:
            self._copy(name, folder)
        if self.left_out:
            write_left_out(folder, self.left_out)

    def _complete(self, folder: Path) -> None:
        """Fill a folder with the files of the run that is here, and those of the archive that it lacks."""
        for path in self.ledger.path(self.run_id).iterdir():
            if path.name != LEFT_OUT:
                shutil.copyfile(path, folder / path.name)
        for name in self._additional():
            self._copy(name, folder)

    def _copy(self, name: str, folder: Path) -> None:
        with (folder / name).open("xb") as file:
            self.archive.copy(self.run_id, name, file.write)

    def _verified(self, fill: Callable[[Path], None]) -> Callable[[Path], None]:
        def build(folder: Path) -> None:
            fill(folder)
            if faults := verify_folder(folder, self.run_id).faults:
                raise CadcError("; ".join(faults))

        return build
