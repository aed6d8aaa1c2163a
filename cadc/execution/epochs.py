"""The epochs of a run that ended or was interrupted, as its training reported them."""

import pandas as pd
import torch

from cadc.errors import Damaged
from cadc.ledger.store import Ledger, Record
from cadc.provenance.fingerprint import file_hash
from cadc.storage.run_files import CURVES
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_state import History


def recorded_history(ledger: Ledger, record: Record) -> History:
    """Return the history of a run that has a record; empty for one that was not trained.

    Raises
    ------
    Damaged : if its curves are not what was written.
    """
    expected = record.get("files", {}).get(CURVES)
    if expected is None:
        return []
    path = ledger.path(record["id"]) / CURVES
    if not path.is_file() or file_hash(path) != expected:
        raise Damaged(f"{path} is missing or damaged; delete the folder of the run, and it is run again.")
    rows = pd.read_csv(path, float_precision="round_trip").to_dict("records")
    return [{str(name): value for name, value in row.items() if pd.notna(value)} for row in rows]


def saved_history(checkpoints: CheckpointFolder) -> History:
    """Return the history that an unfinished run saved; empty if there is none.

    Raises
    ------
    DamagedCheckpoint : if its checkpoint is damaged.
    """
    newest = checkpoints.newest()
    if newest is None:
        return []
    history: History = torch.load(newest, weights_only=True, map_location="cpu", mmap=True).get("history", [])
    return history
