"""What a ledger holds: a folder with one sub-folder for each run that has ended, named after the id of the run.

Runs that have not ended are under `.unfinished/ID`: the lease of the process that works on it, its checkpoints, and
what is known about it. So the folder of a run is never half written, and any number of processes may share a ledger.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cadc.errors import CadcError, UsageError
from cadc.ledger.reading import Record, read_record
from cadc.paths import runs_dir
from cadc.storage.lease import holder
from cadc.storage.run_files import ABOUT, RECORD

if TYPE_CHECKING:
    import pandas as pd

UNFINISHED = ".unfinished"


class RunsOnDisk:
    """Runs on disk, as they are found; `Ledger` writes them.

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
        return self.workplace(run_id) / "checkpoints"

    def workplace(self, run_id: str) -> Path:
        """Return the folder of an unfinished run."""
        return self.folder / UNFINISHED / run_id

    def status(self, run_id: str) -> str | None:
        """Return `finished`, `failed`, `pruned`, `running`, `interrupted`, or None for a run that was never begun."""
        recorded = self.recorded(run_id)
        if recorded == "finished" or not (workplace := self.workplace(run_id)).is_dir():
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
            known = json.loads((self.workplace(run_id) / ABOUT).read_text())
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

    def frame(self) -> "pd.DataFrame":
        """Return the records of all finished runs, one row per run; nested keys are joined by dots."""
        import pandas as pd

        return pd.json_normalize([dict(record) for record in self])
