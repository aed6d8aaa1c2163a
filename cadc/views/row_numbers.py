"""The numbers that views give for the rows of a run, computed before and looked up by place of the row in the log."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.split.split import SPLITS


class RowNumbers:
    """Looks up the numbers of views of rows of the sample, of validation and of test.

    Parameters
    ----------
    log : the log.
    sample : numbers of training rows, int32 or int64, shape [n].
    of_sample : their numbers, float32, shape [n, K].
    held_out : numbers of the rows of `validation` and `test` in their order, float32, shape [m, K] each.
    """

    def __init__(self, log: InteractionLog, sample: Tensor, of_sample: Tensor, held_out: Mapping[str, Tensor]) -> None:
        self._n_train = log.n_rows("train")
        self._sample, order = sample.long().sort()
        self._of_sample = of_sample[order]
        self._held_out = torch.cat([held_out[split] for split in SPLITS[1:]])

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the numbers of some rows, float32, shape [B, K].

        Raises
        ------
        KeyError : for a training row outside the sample, which has none.
        """
        rows = rows.long()
        is_held_out = rows >= self._n_train
        if is_held_out.all():
            return self._held_out.index_select(0, rows - self._n_train)
        found = torch.empty(len(rows), self._of_sample.shape[1])
        found[is_held_out] = self._held_out[rows[is_held_out] - self._n_train]
        asked = rows[~is_held_out]
        places = torch.searchsorted(self._sample, asked).clamp_(max=len(self._sample) - 1)
        if not torch.equal(self._sample[places], asked):
            raise KeyError("a training row outside the sample has no numbers of views")
        found[~is_held_out] = self._of_sample[places]
        return found
