"""Checkpoints from which a fit resumes bit-equal: its state, the place in the epoch, random generators, seconds."""

import io
import time
from pathlib import Path
from typing import Any

import torch

from cadc.data.batches import BatchLoader
from cadc.errors import DamagedCheckpoint
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.ddp.shard_checkpoint import ShardCheckpoint
from cadc.training.fit_state import FitState
from cadc.training.random_state import random_state, set_random_state, share_random_state


class Resumption:
    """Saves a fit, resumes it, and counts the seconds that it took in all.

    Parameters
    ----------
    state, loader : of the fit.
    folder : of the checkpoints; None saves none.
    minutes : between checkpoints within an epoch.
    """

    def __init__(self, state: FitState, loader: BatchLoader, folder: CheckpointFolder | None, minutes: float) -> None:
        self.state, self.loader = state, loader
        self.folder, self.minutes = folder, minutes
        self._shards = ShardCheckpoint(state.model, state.optimizer, folder, loader.ranks)
        self._seconds_before = 0.0
        self._started = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds that the fit took, including those up to the last checkpoint before an interruption."""
        return self._seconds_before + time.monotonic() - self._started

    @property
    def is_due(self) -> bool:
        """Whether a checkpoint within the epoch is due; ranks that write it together hear of it from the first."""
        is_due = self.folder is not None and time.monotonic() - self._saved >= 60 * self.minutes
        return self.loader.ranks.first_says(is_due) if self._shards.is_shared else is_due

    def save(self) -> None:
        """Save the fit."""
        if self.folder is not None or self._shards.is_shared:
            content = {
                **self._shards.saved(self.state.state_dict()),
                "loader": self.loader.state_dict(),
                "random": random_state(),
                "seconds": self.seconds,
            }
            if self.folder is not None:
                self.folder.save(lambda path: write_checkpoint(content, path))
                self._shards.discard_older(content)
        self._saved = time.monotonic()

    def resume(self) -> bool:
        """Restore the newest checkpoint and return whether there was one.

        Raises
        ------
        DamagedCheckpoint : if it is not what was written, or of another model.
        """
        path, ranks = None if self.folder is None else self.folder.newest(), self.loader.ranks
        # Others than the first rank may not reach the folder.
        saved = None if ranks.is_alone else ranks.bytes_of_first(None if path is None else path.read_bytes())
        if path is None and saved is None:
            return False
        try:
            content = torch.load(path or io.BytesIO(saved or b""), weights_only=True, map_location="cpu")
            content = self._shards.restored(content)
            self.state.load_state_dict(content)
            self.loader.load_state_dict(content["loader"])
            set_random_state(content["random"])
            if not ranks.is_alone:
                share_random_state(ranks)
            self._seconds_before = content["seconds"]
        except (KeyError, RuntimeError, AttributeError, TypeError, ValueError) as error:
            raise DamagedCheckpoint(
                f"the checkpoint {path} is of another model or version ({error}); delete it."
            ) from error
        self._started = time.monotonic()
        return True


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Write the content of a checkpoint to a file."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    # Not with torch's own writer, whose error on a full disk is not an OSError.
    path.write_bytes(buffer.getbuffer())
