"""The ledger: a folder with one sub-folder per run that came to an end, named after the run's id.

What is not finished lies under `.unfinished/ID`: the lease of whoever works on it, its checkpoints, and what is known
about it. So a run's own folder is never half written, and any number of processes may work on one ledger.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.errors import CadcError, NotWritable, UsageError, reason
from cadc.ledger.record_hash import seal
from cadc.paths import regular_file, runs_dir
from cadc.pipeline.schema_version import SCHEMA_VERSION
from cadc.storage.atomic_files import is_about, write_file, write_folder
from cadc.storage.lease import Lease, claim, clear, holder

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

REQUIRED = ("id", "config", "metrics")
"""Keys without which a file is no record."""

UNFINISHED = ".unfinished"


class Ledger:
    """Runs on disk.

    A run is *finished*; or *failed* or *pruned*, which its record says; or *running*, while a living process holds its
    lease; or *interrupted*, when something of it is left and nobody works on it.

    Parameters
    ----------
    folder : of the runs; `$CADC_RUNS`, else `runs`, where none is given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or runs_dir()

    def __contains__(self, run_id: str) -> bool:
        return self.status(run_id) == "finished"

    def path(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self.folder / run_id

    def checkpoints(self, run_id: str) -> Path:
        """Return the folder where an unfinished run keeps the state of its training."""
        return self._workplace(run_id) / "checkpoints"

    def _workplace(self, run_id: str) -> Path:
        return self.folder / UNFINISHED / run_id

    def status(self, run_id: str) -> str | None:
        """Return `finished`, `failed`, `pruned`, `running`, `interrupted`, or None for a run never begun."""
        recorded = self.recorded(run_id)
        if recorded == "finished" or not (workplace := self._workplace(run_id)).is_dir():
            return recorded
        if holder(workplace) is not None:
            return "running"
        return recorded or ("interrupted" if self.about(run_id) else None)

    def recorded(self, run_id: str) -> str | None:
        """Return what the record of a run says: `finished`, `failed` or `pruned`; None where there is no record."""
        if not (self.path(run_id) / "record.json").exists():
            return None
        # Version 1 knew no other than finished runs.
        return str(self.record(run_id).get("status", "finished"))

    def is_unreachable(self, run_id: str) -> bool:
        """Tell whether a run has no result since no table of its scheme meets its budget."""
        return self.recorded(run_id) == "failed" and bool(self.record(run_id).get("unreachable"))

    def record(self, run_id: str) -> Record:
        """Read the record of a run that came to an end.

        Raises
        ------
        UsageError : where there is no such run.
        CadcError : where its record cannot be read.
        """
        path = self.path(run_id) / "record.json"
        if not path.exists():
            raise UsageError(f"there is no finished run {run_id!r} in {self.folder}.")
        try:
            record = json.loads(regular_file(path).read_text())
            if not isinstance(record, dict):
                raise ValueError("it is no object")
            missing = [key for key in REQUIRED if key not in record]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise CadcError(f"{path} is no record ({error}); delete its folder and run again.") from error
        version = record.get("schema_version", 1)
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise CadcError(f"{path} has the schema version {version!r}, newer than this cadc; install a newer one.")
        return record

    def about(self, run_id: str) -> Record:
        """Return what is known about an unfinished run: id, configuration, when it began, why it was interrupted."""
        try:
            known = json.loads((self._workplace(run_id) / "about.json").read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def find(self, prefix: str, any_status: bool = False) -> str:
        """Return the id of the run that starts with `prefix`, or is named so in full.

        Parameters
        ----------
        prefix : beginning of an id.
        any_status : whether runs that are not finished, or whose record is damaged, count as well.
        """
        ids = [run_id for run_id in self.names() if run_id.startswith(prefix)]
        if not any_status:
            # One that starts so and is damaged is named; what is wrong with others does not matter here.
            ids = [run_id for run_id in ids if self.status(run_id) == "finished"]
        if prefix in ids:
            return prefix
        if len(ids) != 1:
            more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
            names = ", ".join(run_id if run_id.isprintable() else ascii(run_id) for run_id in ids[:8])
            found = f"{len(ids)} runs start so ({names}{more})" if ids else "none starts so"
            kind = "run" if any_status else "finished run"
            raise UsageError(f"{prefix!r} names no single {kind} in {self.folder}: {found}.")
        return ids[0]

    def ids(self) -> list[str]:
        """Return the ids of all finished runs, and of those whose record cannot be read: reading it says why."""
        return [run_id for run_id, status in self.statuses().items() if status in ("finished", "unreadable")]

    def statuses(self) -> dict[str, str]:
        """Return the status of every run that was ever begun, by id; `unreadable` where its record is none."""
        found = {}
        for run_id in self.names():
            try:
                status = self.status(run_id)
            except CadcError:
                status = "unreadable"
            if status is not None:
                found[run_id] = status
        return found

    def names(self) -> list[str]:
        """Return the ids of all runs that have a record, readable or not, or are unfinished."""
        ended = {path.parent.name for path in self.folder.glob("[!.]*/record.json")}
        try:
            begun = {path.name for path in (self.folder / UNFINISHED).iterdir() if not path.name.startswith(".")}
        except FileNotFoundError:
            begun = set()
        return sorted(ended | begun)

    def __iter__(self) -> Iterator[Record]:
        return (self.record(run_id) for run_id in self.ids())

    def claim(self, run_id: str) -> Lease | None:
        """Return the lease of a run; None while another living process works on it.

        Raises
        ------
        CadcError : where the run's folder is taken by something that is no run; nothing is written then.
        """
        folder = self.path(run_id)
        if folder.exists() and not (folder / "record.json").exists():
            raise CadcError(f"{folder} is there but holds no record; move it away and run again.")
        try:
            return claim(self._workplace(run_id))
        except OSError as error:
            raise self._not_writable(error) from error

    def begin(self, run_id: str, known: Mapping[str, Any]) -> None:
        """Note what is known about a run whose lease is held; see `about`."""
        path = self._workplace(run_id) / "about.json"
        try:
            write_file(path, json.dumps(dict(known), indent=1))
        except OSError as error:
            raise self._not_writable(error) from error

    def write(self, run_id: str, build: Callable[[Path], None]) -> None:
        """Let `build` fill the folder of a run whose lease is held; it appears whole, or not at all.

        A record of a failed or pruned attempt gives way.
        """

        def build_sealed(aside: Path) -> None:
            build(aside)
            seal(aside / "record.json")

        try:
            write_folder(self.path(run_id), self._workplace(run_id), build_sealed, replace=run_id not in self)
        except OSError as error:
            if not is_about(error, self.folder):
                raise
            raise self._not_writable(error) from error

    def end(self, run_id: str, record: Mapping[str, Any]) -> None:
        """Write the record of a run that failed or was pruned."""
        text = json.dumps(dict(record), indent=1)

        def build(folder: Path) -> None:
            (folder / "record.json").write_text(text)

        self.write(run_id, build)

    def tidy(self, run_id: str) -> None:
        """Remove what is left of a run while it was unfinished; call it while its lease is held."""
        clear(self._workplace(run_id))
        with suppress(OSError):  # others are in it
            self._workplace(run_id).parent.rmdir()

    def tidy_if_free(self, run_id: str) -> None:
        """Remove what a run that finished just before its process was killed left behind."""
        if self._workplace(run_id).is_dir() and (lease := self.claim(run_id)):
            with lease:
                self.tidy(run_id)

    def forget_failure(self, run_id: str) -> None:
        """Take away the record of a run that failed and whose lease is held; it counts as begun anew."""
        aside = self._workplace(run_id) / ".partial-failed"  # which `write_folder` removes
        shutil.rmtree(aside, ignore_errors=True)
        try:
            self.path(run_id).rename(aside)
        except OSError as error:
            raise self._not_writable(error) from error

    def forget_checkpoints(self, run_id: str) -> None:
        """Remove the checkpoints of a run whose lease is held, so that it starts from its beginning."""
        shutil.rmtree(self.checkpoints(run_id), ignore_errors=True)

    def _not_writable(self, error: OSError) -> NotWritable:
        return NotWritable(
            f"the run cannot be written to {self.folder} ({reason(error)}); make room or make it "
            "writable, or set CADC_RUNS to another folder."
        )

    def frame(self) -> "pd.DataFrame":
        """Return the records of all finished runs as a data frame, a row a run, nested keys joined by dots."""
        return frame(self)


def frame(records: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Return records as a data frame, a row a run, nested keys joined by dots (`config.sampler.rate`)."""
    import pandas as pd

    return pd.json_normalize([dict(record) for record in records])


def load(folder: str | Path | None = None) -> "pd.DataFrame":
    """Return all records of a ledger folder as a data frame; `$CADC_RUNS`, else `runs`, where none is given."""
    return Ledger(Path(folder) if folder else None).frame()
