"""Scores and ranks that runs saved, read from the ledger and checked against their records."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cadc.errors import CadcError, one_line
from cadc.ledger.store import Ledger, Record
from cadc.paths import regular_file
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.provenance import sealed_hash
from cadc.storage.csv_tables import as_written

KEPT = 8
"""Files kept in memory: a reference is compared with one arm after the other."""


class SavedRows:
    """Reads the saved rows of runs.

    Parameters
    ----------
    ledger : ledger of the runs; None has none.
    """

    def __init__(self, ledger: Ledger | None) -> None:
        self.ledger = ledger
        self._kept: OrderedDict[tuple[str, str], pd.DataFrame] = OrderedDict()

    @property
    def place(self) -> str:
        """Folder in which runs are looked up."""
        return str(self.ledger.folder) if self.ledger else "a ledger"

    def has(self, run_id: str, file: str) -> bool:
        """Tell whether a file of a run exists."""
        return self.ledger is not None and (self.ledger.path(run_id) / file).exists()

    def read(self, record: Record, file: str) -> pd.DataFrame:
        """Return the rows of a run; the attribute `run` of the frame is its id.

        Raises
        ------
        CadcError : if the file is not the one that the record names.
        """
        key = (record["id"], file)
        if key not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = self._read(record, file)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _read(self, record: Record, file: str) -> pd.DataFrame:
        assert self.ledger is not None
        path = self.ledger.path(record["id"]) / file
        # Records of schema version 1 name no files.
        expected = record.get("files", {}).get(file)
        try:
            if expected is not None and file_hash(regular_file(path)) != expected:
                raise ValueError("its hash differs from that in the run's record")
            rows = pd.read_parquet(regular_file(path))
        except (OSError, ValueError) as error:
            reason = one_line(str(error))
            raise CadcError(f"{path} cannot be read ({reason}); delete the run's folder and run again.") from error
        rows.attrs["run"] = record["id"]
        return rows


def read_kept(path: Path, columns: list[str], texts: list[str], later: Sequence[str] = ()) -> pd.DataFrame | None:
    """Return a table kept beside results; None if there is none, or it has other columns.

    Parameters
    ----------
    path : path of the CSV file.
    columns : its columns, in this order.
    texts : columns that are read as text.
    later : columns that tables of earlier versions lack; they are read as empty.

    Raises
    ------
    CadcError : if the file is not a table, or not the one that `provenance.json` names.
    """
    if not path.exists():
        return None
    if (sealed := sealed_hash(path)) is not None and file_hash(regular_file(path)) != sealed:
        raise CadcError(f"{path} was changed after it was written; restore it or delete it.")
    try:
        # A hash may look like a number, as 12e4 does.
        kinds = dict.fromkeys(texts, str)
        frame = pd.read_csv(regular_file(path), float_precision="round_trip", dtype=kinds)
    except (OSError, ValueError) as error:
        reason = one_line(str(error))
        raise CadcError(f"{path} cannot be read as a table ({reason}); restore it or delete it.") from error
    frame = as_written(frame)
    lacking = [name for name in later if name not in frame]
    return frame.reindex(columns=columns) if list(frame) == [c for c in columns if c not in lacking] else None
