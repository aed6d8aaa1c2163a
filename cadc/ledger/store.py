"""The ledger: a folder with one sub-folder for each run that has ended, named after the id of the run.

Runs that have not ended are under `.unfinished/ID`: the lease of the process that works on it, its checkpoints, and
what is known about it. So the folder of a run is never half written, and any number of processes may share a ledger.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.errors import CadcError, NotWritable, UsageError, is_lack, reason
from cadc.ledger.reading import Record, read_record
from cadc.ledger.record_hash import seal
from cadc.paths import runs_dir, user_path
from cadc.provenance.fingerprint import file_hash
from cadc.storage.atomic_files import is_about
from cadc.storage.lease import Lease, claim, holder
from cadc.storage.run_files import ABOUT, CURVES, RECORD
from cadc.storage.under_lease import clear, discard, put_file, put_folder

if TYPE_CHECKING:
    import pandas as pd

UNFINISHED = ".unfinished"


class Ledger:
    """Runs on disk.

    A run is *finished*, *failed* or *pruned*, as its record says; *running*, while a living process holds its lease; or
    *interrupted*, if it was begun and no process works on it.

    Parameters
    ----------
    folder : of the runs; None takes `$CADC_RUNS`, else `runs`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or runs_dir()

    def __contains__(self, run_id: str) -> bool:
        return self.status(run_id) == "finished"

    def path(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self.folder / run_id

    def checkpoints(self, run_id: str) -> Path:
        """Return the folder of the checkpoints of an unfinished run."""
        return self._workplace(run_id) / "checkpoints"

    def _workplace(self, run_id: str) -> Path:
        return self.folder / UNFINISHED / run_id

    def status(self, run_id: str) -> str | None:
        """Return `finished`, `failed`, `pruned`, `running`, `interrupted`, or None for a run that was never begun."""
        recorded = self.recorded(run_id)
        if recorded == "finished" or not (workplace := self._workplace(run_id)).is_dir():
            return recorded
        if holder(workplace) is not None:
            return "running"
        return recorded or ("interrupted" if self.about(run_id) else None)

    def recorded(self, run_id: str) -> str | None:
        """Return the status in the record of a run: `finished`, `failed` or `pruned`; None if there is no record."""
        if not (self.path(run_id) / RECORD).exists():
            return None
        # Schema version 1 had finished runs only.
        return str(self.record(run_id).get("status", "finished"))

    def is_unreachable(self, run_id: str) -> bool:
        """Return whether a run failed because its embedding scheme cannot meet the byte budget."""
        return self.recorded(run_id) == "failed" and bool(self.record(run_id).get("unreachable"))

    def record(self, run_id: str) -> Record:
        """Read the record of a run that has ended.

        Raises
        ------
        UsageError : if there is no such run.
        CadcError : if its record cannot be read.
        """
        path = self.path(run_id) / RECORD
        if not path.exists():
            raise UsageError(f"there is no finished run {run_id!r} in {self.folder}; `cadc ledger list` shows runs.")
        return read_record(path)

    def about(self, run_id: str) -> Record:
        """Return what is known about an unfinished run: id, configuration, begin, and why it was interrupted."""
        try:
            known = json.loads((self._workplace(run_id) / ABOUT).read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def find(self, prefix: str, any_status: bool = False) -> str:
        """Return the only run id that starts with `prefix`, or equals it.

        Parameters
        ----------
        prefix : beginning of an id.
        any_status : whether unfinished and failed runs, and those with a damaged record, count too.

        Raises
        ------
        UsageError : if no id, or more than one, starts so.
        CadcError : if the record of a run whose id starts so is damaged.
        """
        ids = [run_id for run_id in self.names() if run_id.startswith(prefix)]
        others: list[str] = []
        if not any_status:
            # Damaged records raise an error only if their id starts with the prefix.
            others = [run_id for run_id in ids if self.status(run_id) != "finished"]
            ids = [run_id for run_id in ids if run_id not in others]
        if prefix in ids:
            return prefix
        if len(ids) != 1:
            more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
            names = ", ".join(run_id if run_id.isprintable() else ascii(run_id) for run_id in ids[:8])
            found = f"{len(ids)} ids start with it ({names}{more})" if ids else "no id starts with it"
            if len(others) == 1 and not ids:
                found = f"{others[0]} is {self.status(others[0])}"
            kind = "run" if any_status else "finished run"
            raise UsageError(
                f"{prefix!r} does not name one {kind} in {self.folder}: {found}. `cadc ledger list` shows them."
            )
        return ids[0]

    def ids(self) -> list[str]:
        """Return the ids of all finished runs, and of those with an unreadable record, which raises when read."""
        return [run_id for run_id, status in self.statuses().items() if status in ("finished", "unreadable")]

    def statuses(self) -> dict[str, str]:
        """Return the status of every run by id; `unreadable` if its record is damaged."""
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
        """Return the ids of all runs that have a record, readable or not, or are unfinished, in order."""
        ended = {path.parent.name for path in self.folder.glob(f"[!.]*/{RECORD}")}
        try:
            begun = {path.name for path in (self.folder / UNFINISHED).iterdir() if not path.name.startswith(".")}
        except FileNotFoundError:
            begun = set()
        return sorted(ended | begun)

    def __iter__(self) -> Iterator[Record]:
        return (self.record(run_id) for run_id in self.ids())

    def claim(self, run_id: str) -> Lease | None:
        """Return the lease of a run; None while another living process holds it.

        Raises
        ------
        CadcError : if the folder of the run exists but has no record; nothing is written then.
        NotWritable : if the ledger cannot be written.
        """
        folder = self.path(run_id)
        if folder.exists() and not (folder / RECORD).exists():
            raise CadcError(f"{folder} exists but has no record; move it away and run again.")
        try:
            return claim(self._workplace(run_id), f"run {run_id}")
        except OSError as error:
            raise self._not_writable(error) from error

    def begin(self, lease: Lease, known: Mapping[str, Any]) -> None:
        """Write what is known about the run of a lease; see `about`.

        Raises
        ------
        Lost : if another process took the run over, as all that takes a lease does.
        """
        with self._writing():
            put_file(lease, lease.folder / ABOUT, json.dumps(dict(known), indent=1))

    def write(self, lease: Lease, build: Callable[[Path], None]) -> None:
        """Let `build` fill the folder of the run of a lease; it appears whole or not at all.

        The record of a failed or pruned attempt is replaced.
        """
        run_id = lease.folder.name

        def build_sealed(aside: Path) -> None:
            build(aside)
            seal(aside / RECORD)

        with self._writing():
            put_folder(lease, self.path(run_id), build_sealed, replace=run_id not in self)

    def end(self, lease: Lease, record: Mapping[str, Any], epochs: Sequence[Mapping[str, float]] = ()) -> None:
        """Write the record of a run that failed or was pruned, and the curves of its epochs if there are any."""

        def build(folder: Path) -> None:
            hashes = {}
            if epochs:
                import pandas as pd

                pd.DataFrame([dict(row) for row in epochs]).to_csv(folder / CURVES, index=False)
                hashes = {"files": {CURVES: file_hash(folder / CURVES)}}
            (folder / RECORD).write_text(json.dumps(dict(record) | hashes, indent=1))

        self.write(lease, build)

    def tidy(self, lease: Lease) -> None:
        """Remove the unfinished files of the run of a lease, and the lease."""
        clear(lease)
        with suppress(OSError):  # other runs are in it
            lease.folder.parent.rmdir()

    def tidy_if_free(self, run_id: str) -> None:
        """Remove the unfinished files of a run whose process was killed just after it finished."""
        if self._workplace(run_id).is_dir() and (lease := self.claim(run_id)):
            self.tidy(lease)

    def forget_failure(self, lease: Lease) -> None:
        """Remove the record of the failed run of a lease, so that it counts as begun."""
        with self._writing():
            discard(lease, self.path(lease.folder.name))

    def forget_checkpoints(self, lease: Lease) -> None:
        """Remove the checkpoints of the run of a lease, so that it starts from the beginning."""
        with self._writing():
            discard(lease, self.checkpoints(lease.folder.name))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not is_about(error, self.folder):
                raise
            raise self._not_writable(error) from error

    def _not_writable(self, error: OSError) -> NotWritable:
        remedy = "make room or make it writable" if is_lack(error) else "see what became of the folder"
        return NotWritable(
            f"the run cannot be written to {self.folder} ({reason(error)}); {remedy}, or set CADC_RUNS to another "
            "folder."
        )

    def frame(self) -> "pd.DataFrame":
        """Return the records of all finished runs as a data frame; see `frame`."""
        return frame(self)


def frame(records: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Return records as a data frame with one row per run, and nested keys joined by dots (`config.sampler.rate`)."""
    import pandas as pd

    return pd.json_normalize([dict(record) for record in records])


def load(folder: str | Path | None = None) -> "pd.DataFrame":
    """Return all records of a ledger as a data frame; see `frame`. None reads `$CADC_RUNS`, else `runs`."""
    return Ledger(user_path(folder) if folder else None).frame()
