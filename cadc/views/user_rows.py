"""Rows of a log by user and time: what each user did, one thing after the other."""

import numpy as np
import torch
from torch import Tensor

from cadc.data.log import InteractionLog


def starts_of(users: Tensor, n_users: int) -> Tensor:
    """Return where the rows of each user begin, and the last ones end, once they are in the order of their users.

    Parameters
    ----------
    users : id of the user of each row, in any order, int32 or int64, shape [n].
    n_users : number of ids.

    Returns
    -------
    int64, shape [n_users + 1].

    Examples
    --------
    >>> starts_of(torch.tensor([2, 0, 2]), n_users=4).tolist()
    [0, 1, 1, 3, 3]
    """
    starts = torch.zeros(n_users + 1, dtype=torch.int64)
    starts[1:] = torch.bincount(users, minlength=n_users).cumsum(0)
    return starts


def rows_by_user(log: InteractionLog, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return some rows in the order of their users, and those of a user in the order of time.

    Rows of the same time, and all of them in a log without times, keep the order in which they are given.

    Parameters
    ----------
    log : with the field `user`.
    rows : row numbers, int32 or int64, shape [n].

    Returns
    -------
    first : where the rows of each user begin, int64, shape [n_users + 1]; users are ids of the field `user`.
    ordered : the rows, shape [n].
    """
    users = log.field_ids("user", rows)
    keys = [users.numpy()]
    if log.has_column("time"):
        keys.insert(0, log.column("time")[rows.numpy()])
    first = starts_of(users, log.schema["user"].vocabulary_size)
    return first, rows[torch.from_numpy(np.lexsort(keys))]


def taken_items(log: InteractionLog, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the items that each user took with label 1, each of them once, in the order in which they were taken last.

    Unknown users and items, of which nothing is known together, are left out.

    Parameters
    ----------
    log : with the fields `user` and `item`.
    rows : row numbers, int32 or int64, shape [n].

    Returns
    -------
    first : where the items of each user begin, int32, shape [n_users + 1].
    items : ids of the field `item`, int32, shape [m].
    """
    ordered = rows_by_user(log, rows[log.labels(rows) > 0])[1]
    users, items = (log.field_ids(name, ordered).long() for name in ("user", "item"))
    n_users, n_items = (log.schema[name].vocabulary_size for name in ("user", "item"))
    pairs = (users * n_items + items).numpy()
    last = len(pairs) - 1 - np.unique(pairs[::-1], return_index=True)[1]
    kept = torch.from_numpy(np.sort(last))
    kept = kept[(users[kept] > 0) & (items[kept] > 0)]
    return starts_of(users[kept], n_users).int(), items[kept].int()
