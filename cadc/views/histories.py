"""Histories: the rows of each user in order of time, as views and sequence models read them."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.views.user_rows import rows_by_user

COLUMNS = ("label", "rating", "time")
"""What a history may hold beside its items."""


@dataclass(frozen=True)
class Histories:
    """U histories one after the other, each in order of time, or of the log where there are no times.

    Parameters
    ----------
    first : where each history begins, and the last one ends, int64, shape [U + 1].
    items : ids of the field `item`, int64, shape [V].
    of : which history each row of a batch has, int64, shape [B].
    label, rating : float32, shape [V]; None where nobody asked for them.
    time : in ticks of the log, int64, shape [V]; None where nobody asked for it.
    """

    first: Tensor
    items: Tensor
    of: Tensor
    label: Tensor | None = None
    rating: Tensor | None = None
    time: Tensor | None = None

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def lengths(self) -> Tensor:
        """Number of rows of each history, int64, shape [U]."""
        return self.first.diff()

    @property
    def owners(self) -> Tensor:
        """Number of the history of each of its rows, int64, shape [V]."""
        return torch.repeat_interleave(torch.arange(len(self)), self.lengths)

    @property
    def back(self) -> Tensor:
        """How many rows of its history come after each row, int64, shape [V]: 0 for the last."""
        return (self.first[1:] - 1)[self.owners] - torch.arange(len(self.items))

    def matrix(self, values: Tensor, n_items: int) -> csr_array:
        """Return histories × items, float32, shape [U, n_items]; items that occur twice in a history stay apart.

        Parameters
        ----------
        values : a number for each row, shape [V].
        n_items : size of the vocabulary.
        """
        parts = values.float().numpy(), self.items.numpy(), self.first.numpy()
        return csr_array(parts, shape=(len(self), n_items))


@dataclass(frozen=True)
class KnownRows:
    """The histories of all users, as a model keeps and saves them.

    Parameters
    ----------
    arrays : `first`, int64, shape [n_users + 1]; `items`, int32 (uint16 `in_few_bytes`); and, where asked for, `label`
        (uint8), `rating` (uint8, float16 or float32, the first that holds all of them) and `time` (int64), shape [V]
        each.
    """

    arrays: dict[str, Tensor]

    @classmethod
    def of_rows(cls, log: InteractionLog, rows: Tensor, columns: Collection[str] = ()) -> "KnownRows":
        """Read the histories of some rows; those of *unknown* users or items are left out.

        Parameters
        ----------
        log : the log.
        rows : row numbers, int32 or int64, shape [n].
        columns : of `COLUMNS`, what is kept beside the items.
        """
        log = log.plain
        users, items = (log.field_ids(name, rows).long() for name in ENTITY_FIELDS)
        first, ordered = rows_by_user(log, rows[(users > 0) & (items > 0)].sort().values)
        arrays = {"first": first, "items": log.field_ids(ENTITY_FIELDS[1], ordered).int()}
        if "label" in columns:
            arrays["label"] = log.labels(ordered).byte()
        if "rating" in columns:
            arrays["rating"] = _smallest(log.ratings(ordered))
        if "time" in columns:
            arrays["time"] = log.times(ordered)
        return cls(arrays)

    def in_few_bytes(self, n_items: int) -> dict[str, Tensor]:
        """Return the arrays as they serve: ids in 16 bits where a vocabulary of this size fits."""
        return self.arrays | {"items": self.arrays["items"].to(torch.uint16 if n_items <= 1 << 16 else torch.int32)}

    def of_users(self, users: Tensor) -> Histories:
        """Return the histories of the users of a batch (ids, int64, shape [B]), each user's once."""
        different, of = torch.unique(users, return_inverse=True)
        first = self.arrays["first"]
        return self._cut(first[different], first[different + 1], of)

    def _cut(self, begin: Tensor, end: Tensor, of: Tensor) -> Histories:
        """Return the rows from `begin` to `end` (without it), int64, shape [U] each, as histories."""
        lengths = end - begin
        bounds = torch.zeros(len(lengths) + 1, dtype=torch.int64)
        bounds[1:] = lengths.cumsum(0)
        places = torch.arange(int(bounds[-1])) + torch.repeat_interleave(begin - bounds[:-1], lengths)
        cut = {name: values[places] for name, values in self.arrays.items() if name != "first"}
        whole = {name: own if name == "time" else own.float() for name, own in cut.items() if name != "items"}
        return Histories(bounds, cut["items"].long(), of, **whole)

    @classmethod
    def before(cls, log: InteractionLog, rows: Tensor, columns: Collection[str] = ()) -> Histories:
        """Return what users did before some training rows, each row with a history of its own, which ends before it.

        Of rows of the same time, those that come first in the log are before others. A row of an *unknown* user or
        item has an empty history.

        Parameters
        ----------
        log : the log.
        rows : numbers of training rows, int32 or int64, shape [B].
        columns : of `COLUMNS`, what is read beside the items.
        """
        log, every = log.plain, log.rows("train")
        users, items = (log.field_ids(name, every).long() for name in ENTITY_FIELDS)
        asked = torch.zeros(log.schema[ENTITY_FIELDS[0]].vocabulary_size, dtype=torch.bool)
        asked[users[rows.long()]] = True
        read = every[asked[users] & (users > 0) & (items > 0)]
        known, (first, ordered) = cls.of_rows(log, read, columns), rows_by_user(log, read)
        end = torch.zeros(len(every), dtype=torch.int64)
        end[ordered.long()] = torch.arange(len(ordered))
        end = end[rows.long()]
        return known._cut(first[users[rows.long()]].minimum(end), end, torch.arange(len(rows)))


def _smallest(ratings: Tensor) -> Tensor:
    """Return ratings in the fewest bytes that hold them.

    >>> _smallest(torch.tensor([4.0, 5.0])).dtype, _smallest(torch.tensor([4.5])).dtype
    (torch.uint8, torch.float16)
    """
    in_byte = ratings.clamp(0, 255).byte()
    for found in (in_byte, ratings.half()):
        if torch.equal(found.float(), ratings):
            return found
    return ratings
