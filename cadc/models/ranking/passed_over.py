"""Items that a user was shown and passed over before one that was taken."""

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.errors import CadcError, UsageError, require_at_least
from cadc.models.ranking.negatives import Contest
from cadc.views.user_rows import rows_by_user


class PassedOver(nn.Module):
    """Finds, for each training row with label 1, the items that its user passed over right before.

    In the order of time the rows of a user are runs of label 0 (shown and not taken) and of label 1 in turn. The items
    of a run with label 0 are passed over before each row of the run behind it: the blocks of SAROS (Burashnikova et
    al., arXiv 1902.08495 and 2012.06910). Nothing is saved: it is needed in training alone.

    Parameters
    ----------
    most : items before a row at most, the latest.
    """

    items: Tensor
    end: Tensor
    length: Tensor

    def __init__(self, most: int) -> None:
        super().__init__()
        require_at_least(1, "model", passed_over=most)
        self.most = most
        for name in ("items", "end", "length"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int32), persistent=False)

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Note what was passed over among some training rows (int32 or int64, shape [n]).

        Raises
        ------
        UsageError : for a log without times, or rows in which nothing is passed over before something is taken.
        """
        name = log.meta["name"]
        if not log.has_column("time"):
            raise UsageError(
                f"model.passed_over goes by the order in which items were shown, and {name} has no times; set "
                "model.passed_over=0, or name the column of times."
            )
        first, ordered = rows_by_user(log, rows)
        is_shown = log.labels(ordered) == 0
        n_before = is_shown.cumsum(0) - is_shown.long()
        begins_user = torch.zeros(len(ordered), dtype=torch.bool)
        begins_user[first[:-1][first.diff() > 0]] = True
        # A run begins at a row that is shown where the row before is taken, or another user's.
        begins_run = is_shown & (begins_user | ~is_shown.roll(1))
        start_of_run = torch.where(begins_run, n_before, 0).cummax(0).values
        start_of_user = torch.where(begins_user, n_before, 0).cummax(0).values
        length = (n_before - torch.maximum(start_of_run, start_of_user)).clamp(max=self.most)
        length[is_shown] = 0
        if not length.any():
            raise UsageError(
                f"model.passed_over={self.most} pairs a row with label 1 with earlier rows of its user with label 0; "
                f"found no such pair in the {len(rows)} training rows of {name}. Set model.passed_over=0."
            )
        self.items = log.field_ids("item", ordered[is_shown]).to(self.items)
        at = ordered.long()
        self.end, self.length = (torch.zeros(log.n_rows("train")).to(own) for own in (self.end, self.length))
        self.end[at], self.length[at] = n_before.to(self.end), length.to(self.length)

    def contest(self, batch: Batch, item_column: int) -> Contest:
        """Return each row's item, and beside it what was passed over before, with the weight 0 where there is less.

        Parameters
        ----------
        batch : rows of the log.
        item_column : of `batch.ids`.

        Raises
        ------
        CadcError : for a batch that is not of rows of the log, or without `begin`.
        """
        if batch.row is None or not len(self.length):
            raise CadcError(
                "what was passed over before these rows is not known; call begin(log, rows), and gather from the log."
            )
        own, at = batch.ids[:, item_column].long(), batch.row.to(self.end.device).long()
        back = torch.arange(self.most, device=self.end.device)
        place = (self.end[at].unsqueeze(1).long() - 1 - back).clamp(min=0)
        before = self.items[place].long()
        # An item may be taken after it was passed over.
        counts = (back < self.length[at].unsqueeze(1)) & (before != own.unsqueeze(1))
        items, columns = torch.unique(torch.cat([own.unsqueeze(1), before], 1), return_inverse=True)
        weight = torch.cat([torch.zeros_like(counts[:, :1]), counts], 1).float()
        return Contest(items, columns, torch.zeros_like(own), weight, torch.zeros_like(weight))
