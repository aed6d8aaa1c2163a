"""The ledger: runs on disk, each of which a process claims, works on and writes; see `cadc.ledger.runs_on_disk`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.errors import CadcError, NotWritable, is_lack, reason
from cadc.ledger.reading import Record
from cadc.ledger.record_hash import seal
from cadc.ledger.runs_on_disk import RunsOnDisk
from cadc.paths import user_path
from cadc.provenance.fingerprint import file_hash
from cadc.storage.atomic_files import is_about
from cadc.storage.lease import Lease, claim
from cadc.storage.run_files import ABOUT, CURVES, RECORD
from cadc.storage.under_lease import clear, discard, put_file, put_folder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ledger", "Record", "load"]


class Ledger(RunsOnDisk):
    """Runs on disk, which are written under a lease; see `RunsOnDisk` for its parameters."""

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
            return claim(self.workplace(run_id), f"run {run_id}")
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

        def build_sealed(aside: Path) -> None:
            build(aside)
            seal(aside / RECORD)

        self.bring_in(lease, build_sealed, replace=lease.folder.name not in self)

    def bring_in(self, lease: Lease, build: Callable[[Path], None], replace: bool) -> None:
        """Let `build` fill the folder of the run of a lease with files whose record was sealed elsewhere.

        Parameters
        ----------
        lease : of the run.
        build : fills the folder, which appears whole or not at all.
        replace : whether a folder that is there is replaced; else it stays.
        """
        with self._writing():
            put_folder(lease, self.path(lease.folder.name), build, replace)

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
        if self.workplace(run_id).is_dir() and (lease := self.claim(run_id)):
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


def load(folder: str | Path | None = None) -> "pd.DataFrame":
    """Return all records of a ledger as a data frame, one row per run; None reads `$CADC_RUNS`, else `runs`."""
    return Ledger(user_path(folder) if folder else None).frame()
