"""The items that each user took, in order of time: before a training row, and before what is ranked."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from cadc.data.batch import Bag, Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.errors import CadcError
from cadc.views.user_rows import rows_by_user, starts_of

Source = Literal["all", "sample"]
"""Which rows the histories of training hold: all training rows, or those of the sample."""

MOST = 1 << 31
"""No limit to the items of a user."""


@dataclass(frozen=True)
class Before:
    """What comes before each of B rows: the items at the places `first` to `end` (without it) of `items`.

    Parameters
    ----------
    users : ids of the field `user`, int64, shape [B].
    items : of all users, one user after the other and each in order of time, ids of the field `item`, int16 or int32,
        shape [V].
    first, end : int64, shape [B].
    last : last place at which an item of the user is predicted, int64, shape [B].
    """

    users: Tensor
    items: Tensor
    first: Tensor
    end: Tensor
    last: Tensor

    def latest(self, n: int) -> Bag:
        """Return the latest items before each row, at most n of them, as a bag."""
        first = torch.maximum(self.first, self.end - n)
        lengths = self.end - first
        offsets = lengths.cumsum(0) - lengths
        owners = torch.repeat_interleave(torch.arange(len(first), device=first.device), lengths)
        places = torch.arange(len(owners), device=first.device) + (first - offsets)[owners]
        return Bag(self.items[places].int(), offsets.int())


class ItemHistories(nn.Module):
    """Histories of users, of rows with label 1 whose user and item are known.

    Those that serve are buffers, and saved, in two bytes an item where there are few enough; those of training are not.
    Rows of the same time have the order of the log.

    Parameters
    ----------
    schema : of the log.
    source : which rows the histories of training hold.
    most : items of a user that serve, the latest.
    """

    first: Tensor
    items: Tensor
    training_first: Tensor
    training_items: Tensor
    place: Tensor

    def __init__(self, schema: Schema, source: Source = "all", most: int = MOST) -> None:
        super().__init__()
        self.source, self.most = source, most
        single = [field.name for field in schema.single]
        self.user_column = single.index(ENTITY_FIELDS[0])
        n_users, n_items = (schema[name].vocabulary_size for name in ENTITY_FIELDS)
        self.register_buffer("first", torch.zeros(n_users + 1, dtype=torch.int32))
        self.register_buffer("items", torch.zeros(0, dtype=torch.int16 if n_items <= 1 << 15 else torch.int32))
        for name in ("training_first", "training_items", "place"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int32), persistent=False)

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Note the histories of training, and at which place of its user's history each training row lies.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        """
        every = log.rows("train")
        first, items, ordered, place = _histories(log, every, rows if self.source == "sample" else every)
        # A row with label 0 may come after all items; it has no loss, and no place of its own.
        most = (first.diff() - 1).clamp(min=0)[log.field_ids(ENTITY_FIELDS[0], ordered).long()]
        self.place = torch.empty(len(every), dtype=torch.int32)
        self.place[ordered.long()] = place.minimum(most).int()
        self.training_first, self.training_items = first.int(), items
        self.remember(log, every)

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Note the histories that serve, those of some rows (int32 or int64, shape [n])."""
        first, items, *_ = _histories(log, rows, rows)
        lengths = first.diff()
        n_later = torch.repeat_interleave(first[1:], lengths) - 1 - torch.arange(len(items))
        first[1:] = lengths.clamp(max=self.most).cumsum(0)
        self.first, self.items = first.to(self.first), items[n_later < self.most].to(self.items)

    def before_rows(self, batch: Batch) -> Before:
        """Return what comes before each training row of a batch.

        Raises
        ------
        CadcError : for a batch that is not of rows of the log, or without `begin`.
        """
        if batch.row is None or not len(self.place):
            raise CadcError(
                "the histories of these rows are not known; call begin(log, rows), and gather from the log."
            )
        users = batch.ids[:, self.user_column].long()
        first, end = self.training_first[users].long(), self.training_first[users + 1].long()
        place = self.place[batch.row.to(self.place.device).long()].long()
        return Before(users, self.training_items, first, first + place, (end - 1).maximum(first))

    def of_users(self, batch: Batch) -> Before:
        """Return what comes before an item that is ranked for the users of a batch: their whole history."""
        users = batch.ids[:, self.user_column].long()
        first, end = self.first[users].long(), self.first[users + 1].long()
        return Before(users, self.items, first, end, end)


def _histories(log: InteractionLog, rows: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the histories of `held`, and where each row comes in its user's.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int32 or int64, shape [n].
    held : those of them that histories hold, shape [m].

    Returns
    -------
    first : where the items of each user begin, int64, shape [n_users + 1].
    items : ids, int32, shape [V].
    ordered : the rows by user and time, shape [n].
    place : number of items of its user before each of them, int64, shape [n].
    """
    ordered = rows_by_user(log, rows)[1]
    users, items = (log.field_ids(name, ordered) for name in ENTITY_FIELDS)
    counts = (log.labels(ordered) > 0) & (users > 0) & (items > 0)
    if held is not rows:
        counts &= torch.isin(ordered, held)
    first = starts_of(users[counts], log.schema[ENTITY_FIELDS[0]].vocabulary_size)
    place = counts.cumsum(0) - counts.long() - first[users.long()]
    return first, items[counts], ordered, place
