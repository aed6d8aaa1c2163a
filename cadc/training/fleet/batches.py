"""A batch of each arm, padded to equal shapes and stacked."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cadc.data.batch import Bag, Batch
from cadc.data.log import InteractionLog

Tree = dict[str, Any]
"""Tensors of a batch by the name of its part, as `torch.vmap` takes them: a batch of each arm, one after the other."""


def stacked_batches(log: InteractionLog, rows: Sequence[Tensor], beside: Sequence[Mapping[str, Tensor]]) -> Tree:
    """Return a batch of each of K arms with B rows each; rows that an arm lacks are repeated and have weight 0.

    The mean of the weighted losses of an arm's B rows is the mean of the losses of its own rows. `real` is 1 for those
    and 0 for padding, float32, shape [K, B]. Where the log has bags, the last row of every arm is padding: its bag
    holds the values that others lack to be of equal number.

    Parameters
    ----------
    log : the log.
    rows : row numbers of each arm, int64, shape [B_k], not empty.
    beside : further parts of each arm's batch (`weight`, `offset`, `fold`), shape [B_k] each.
    """
    n_arms, n_rows = len(rows), max(map(len, rows)) + bool(log.schema.bags)
    real = torch.stack([_padded(torch.ones(len(own)), n_rows, 0.0) for own in rows])
    batch = log.gather(torch.stack([_padded(own, n_rows, own[0]) for own in rows]).flatten())
    found: Tree = {
        "ids": batch.ids.unflatten(0, (n_arms, n_rows)),
        "dense": batch.dense.unflatten(0, (n_arms, n_rows)),
        "label": batch.label.unflatten(0, (n_arms, n_rows)),
        "bags": {name: _stacked_bag(bag, n_arms) for name, bag in batch.bags.items()},
        "real": real,
    }
    for name in beside[0]:
        found[name] = torch.stack([_padded(own[name], n_rows, own[name][0]) for own in beside])
    found["weight"] = found.get("weight", 1.0) * real * (n_rows / real.sum(1, keepdim=True))
    return found


def as_batch(tree: Tree) -> Batch:
    """Return the batch of one arm, as a model reads it."""
    return Batch(**{**tree, "bags": {name: Bag(*parts) for name, parts in tree["bags"].items()}})


def moved(tree: Any, device: torch.device) -> Any:
    """Return a tree of tensors on a device."""
    if isinstance(tree, Tensor):
        return tree.to(device)
    if isinstance(tree, tuple):
        return tuple(moved(value, device) for value in tree)
    return {name: moved(value, device) for name, value in tree.items()}


def _padded(values: Tensor, n: int, filler: float | Tensor) -> Tensor:
    return torch.cat([values, torch.as_tensor(filler, dtype=values.dtype).expand(n - len(values))])


def _stacked_bag(bag: Bag, n_arms: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return values [K, V], offsets [K, B] and rows [K, V] of all arms' bags; the last bag of an arm is the longest.

    It goes on with values of the next arm, or repeats the last one.
    """
    offsets = bag.offsets.view(n_arms, -1)
    first = offsets[:, :1].long()
    counts = torch.cat([first[1:, 0], torch.tensor([len(bag.values)])]) - first[:, 0]
    places = torch.arange(int(counts.max())).expand(n_arms, -1)
    offsets = offsets - offsets[:, :1]
    # Of rows with the same offset all but the last are empty.
    rows = torch.searchsorted(offsets, places.int().contiguous(), right=True) - 1
    return bag.values[(first + places).clamp(max=max(0, len(bag.values) - 1))], offsets, rows
