"""The ledger: a folder with one sub-folder per finished run, named after the run's id."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.cache import write_folder
from cadc.errors import CadcError, UsageError
from cadc.paths import regular_file, runs_dir

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

REQUIRED = ("id", "config", "metrics")
"""Keys without which a file is no record."""


class Ledger:
    """Finished runs on disk.

    Parameters
    ----------
    folder : of the runs; `$CADC_RUNS`, else `runs`, where none is given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or runs_dir()

    def __contains__(self, run_id: str) -> bool:
        return (self.folder / run_id / "record.json").exists()

    def path(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self.folder / run_id

    def record(self, run_id: str) -> Record:
        """Read the record of a finished run.

        Raises
        ------
        UsageError : where there is no such run.
        CadcError : where its record cannot be read.
        """
        path = self.folder / run_id / "record.json"
        if not path.exists():
            raise UsageError(f"there is no finished run {run_id!r} in {self.folder}.")
        try:
            record = json.loads(regular_file(path).read_text())
            missing = [key for key in REQUIRED if key not in record]
            if missing or not isinstance(record, dict):
                raise ValueError(f"it lacks {', '.join(missing)}" if missing else "it is no object")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise CadcError(f"{path} is no record ({error}); delete its folder and run again.") from error
        return record

    def find(self, prefix: str) -> str:
        """Return the id of the finished run that starts with `prefix`."""
        ids = [run_id for run_id in self.ids() if run_id.startswith(prefix)]
        if len(ids) != 1:
            found = f"{len(ids)} runs start so" if ids else "none starts so"
            raise UsageError(f"{prefix!r} names no single finished run in {self.folder}: {found}.")
        return ids[0]

    def ids(self) -> list[str]:
        """Return the ids of all finished runs."""
        return sorted(path.parent.name for path in self.folder.glob("[!.]*/record.json"))

    def __iter__(self) -> Iterator[Record]:
        return (self.record(run_id) for run_id in self.ids())

    def write(self, run_id: str, build: Callable[[Path], None]) -> None:
        """Let `build` fill a run's folder; it appears whole, or not at all."""
        folder = self.folder / run_id
        if folder.exists() and run_id not in self:
            raise CadcError(f"{folder} is there but holds no record; move it away and run again.")
        try:
            write_folder(folder, build)
        except OSError as error:
            if error.filename is not None and not Path(error.filename).is_relative_to(self.folder):
                raise
            raise CadcError(
                f"the run cannot be written to {self.folder} ({error.strerror or error}); make room or make it "
                "writable, or set CADC_RUNS to another folder."
            ) from error

    def frame(self) -> "pd.DataFrame":
        """Return all records as a data frame, a row a run, nested keys joined by dots."""
        return frame(self)


def frame(records: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Return records as a data frame, a row a run, nested keys joined by dots (`config.sampler.rate`)."""
    import pandas as pd

    return pd.json_normalize([dict(record) for record in records])


def load(folder: str | Path | None = None) -> "pd.DataFrame":
    """Return all records of a ledger folder as a data frame; `$CADC_RUNS`, else `runs`, where none is given."""
    return Ledger(Path(folder) if folder else None).frame()
