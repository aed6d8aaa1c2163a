"""Arithmetic on bags, the multi-valued fields of a batch."""

import torch
from torch import Tensor

from cadc.data.batch import Bag


def spread_to_values(of_rows: Tensor, bag: Bag) -> Tensor:
    """Repeat the number of each row for every value in the row's bag.

    Parameters
    ----------
    of_rows : a number for each row, int64, shape [B].
    bag : bags of the B rows, with V values in all.

    Returns
    -------
    int64, shape [V].

    Examples
    --------
    >>> bag = Bag(values=torch.tensor([7, 8, 9]), offsets=torch.tensor([0, 2]))
    >>> spread_to_values(torch.tensor([10, 20]), bag).tolist()
    [10, 10, 20]
    """
    if bag.rows is not None:
        return of_rows[bag.rows]
    return torch.repeat_interleave(of_rows, lengths(bag).long())


def lengths(bag: Bag) -> Tensor:
    """Return the number of values in the bag of each row, int32, shape [B].

    >>> lengths(Bag(values=torch.tensor([7, 8, 9]), offsets=torch.tensor([0, 2]))).tolist()
    [2, 1]
    """
    ends = torch.cat([bag.offsets[1:], bag.offsets.new_tensor([len(bag.values)])])
    return ends - bag.offsets
