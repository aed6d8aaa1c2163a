"""Checkpoints of fits whose tables several processes share: each writes its rows beside the checkpoint of the rest."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cadc.distributed.ranks import Ranks
from cadc.errors import DamagedCheckpoint
from cadc.training.checkpoints import BESIDE, CheckpointFolder
from cadc.training.ddp.shard_files import read_shards, require_whole, write_shards
from cadc.training.ddp.shard_state import places_to_rows, shared_rows, taken_out, wanted, whole_to_shares
from cadc.training.optimizers import Optimizer

SHARDS = "shards"
"""Key of a checkpoint that says where the rows of shared tables are."""


class ShardCheckpoint:
    """What a checkpoint holds of tables that are shared now, or were when it was written.

    Parameters
    ----------
    model, optimizer : of the fit.
    folder : of the checkpoints; None at all ranks but the first, and where none are saved.
    ranks : that train.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, folder: CheckpointFolder | None, ranks: Ranks) -> None:
        self.model, self.optimizer, self.ranks = model, optimizer, ranks
        self._kept = folder
        self.is_shared = bool(shared_rows(model))
        told = None if folder is None else str(folder.folder.absolute()).encode()
        if not ranks.is_alone:
            told = ranks.bytes_of_first(told)
        self.folder = None if told is None else Path(told.decode())

    def saved(self, content: dict[str, Any]) -> dict[str, Any]:
        """Write the rows of shared tables, and return what the first rank writes; all call it together."""
        if not self.is_shared or self.folder is None:
            return content
        left, rows = taken_out(content, self.model, self.optimizer)
        shared = shared_rows(self.model)
        name = (self.ranks.bytes_of_first(f"{BESIDE}{secrets.token_hex(8)}".encode()) or b"").decode()
        if self._kept is not None:
            self._kept.make(name)
        # The others write once it is there.
        self.ranks.first_says(True)
        files = write_shards(rows, _by_entry(rows, shared), self.folder / name, self.ranks)
        return {**left, SHARDS: {"folder": name, "files": files, "n_rows": shared}}

    def discard_older(self, content: Mapping[str, Any]) -> None:
        """Remove the rows of checkpoints before the one that was saved, at the rank that saved it."""
        if self._kept is not None:
            self._kept.keep(content[SHARDS]["folder"] if SHARDS in content else None)

    def restored(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return the content of a checkpoint with the rows that this process holds now; all call it together.

        Raises
        ------
        DamagedCheckpoint : if the rows are not what was written.
        """
        saved = content.pop(SHARDS, None)
        if saved is None:
            whole_to_shares(content, self.model, self.optimizer, self.ranks)
            return content
        if self.folder is None:
            raise DamagedCheckpoint("the folder of the checkpoint is not known to this process.")
        folder, own = self.folder / str(saved["folder"]), self.ranks if self.is_shared else Ranks()
        require_whole(saved["files"], folder, self.ranks)
        rows = wanted(content, saved["n_rows"], self.model, self.optimizer, own)
        read_shards(rows, _by_entry(rows, saved["n_rows"]), folder, own)
        if not self.is_shared:
            places_to_rows(content, saved["n_rows"], self.model, self.optimizer)
        return content


def _by_entry(rows: Mapping[str, Tensor], n_rows: Mapping[str, int]) -> dict[str, int]:
    """Return the number of rows of the table of each entry, whose name holds that of the table's weight."""
    return {name: next(n for own, n in n_rows.items() if f".{own}." in f"{name}.") for name in rows}
