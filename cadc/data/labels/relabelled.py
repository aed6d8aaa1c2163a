"""The files of a prepared log, with labels that another threshold makes of its ratings."""

import hashlib
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cadc.data.log_files import LogFiles
from cadc.data.split.split import SPLITS

LABEL = "label"


class RelabelledFiles(LogFiles):
    """Files whose column `label` says whether the rating reaches a threshold; rows, ids and all else are the same.

    The new labels are in memory. Equal labels have equal content hashes, whichever threshold makes them; those of the
    log itself keep its own.

    Parameters
    ----------
    folder : folder of the prepared log.
    threshold : lowest rating of label 1, taken as float32, as the ratings are.

    Raises
    ------
    DataError : if the log has no ratings.
    """

    def __init__(self, folder: Path, threshold: float) -> None:
        super().__init__(folder)
        self.require_ratings()
        self.threshold = threshold
        if not np.array_equal(self._labels, super().array(LABEL)):
            content = hashlib.sha256(f"{self.meta['content_hash']} {LABEL}".encode())
            content.update(np.packbits(self._labels.astype(np.bool_)).data)
            bounds = np.cumsum([0, *(self.meta["rows"][split] for split in SPLITS)])
            counts = [int(self._labels[a:b].sum(dtype=np.float64)) for a, b in pairwise(bounds)]
            positives = dict(zip(SPLITS, counts, strict=True))
            self.meta = self.meta | {"positives": positives, "content_hash": content.hexdigest()}

    @cached_property
    def _labels(self) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            lowest = np.float32(self.threshold)
        return np.asarray(super().array("rating") >= lowest, np.float32)

    def array(self, name: str, mode: Literal["r", "c"] = "r") -> NDArray[Any]:
        """Return a column, memory-mapped unless it holds labels, see `LogFiles.array`."""
        if name != LABEL:
            return super().array(name, mode)
        labels = self._labels.view()
        labels.flags.writeable = mode == "c"
        return labels
