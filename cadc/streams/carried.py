"""Weights that a model takes over from that of the segment before."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cadc.embeddings.coding.ragged import padded, places
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.embeddings.schemes.sized_rows import SizedTable


def carry_over(before: Mapping[str, Tensor], n_before: Mapping[str, int], model: nn.Module) -> None:
    """Let a model go on where that of the segment before ended.

    Tables keep of each known row the prefix that its old and its new length share; all else in them starts as the new
    model does. All other weights of the same shape are copied. Buffers are not: they hold what a model knows of its own
    log, such as the factors that it corrects.

    Parameters
    ----------
    before : weights of the earlier model, of the same classes, by name.
    n_before : rows that the tables of each field had.
    model : has the rows of the earlier one, and more.
    """
    inside = []
    for name, table in model.named_modules():
        if isinstance(table, SizedTable | UncompressedTable):
            inside.append(f"{name}.")
            own = {key.removeprefix(f"{name}."): value for key, value in before.items() if key.startswith(f"{name}.")}
            _carry_rows(own, [n_before[name] for name in table.names], table)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if not name.startswith(tuple(inside)) and name in before and before[name].shape == value.shape:
                value.copy_(before[name])


def _carry_rows(before: Mapping[str, Tensor], lengths: list[int], table: SizedTable | UncompressedTable) -> None:
    """Copy the known rows of a table, of which each field had so many."""
    old = torch.arange(sum(lengths))
    new = torch.cat([torch.arange(n) + table.first_row[name] for n, name in zip(lengths, table.names, strict=True)])
    if isinstance(table, SizedTable):
        sizes = before["lengths"].long()
        owner, column, place = places(sizes.cumsum(0) - sizes, sizes)
        vectors = padded(before["weight"][place], owner, column, len(old), table.dim)
        table.put(new, vectors, torch.minimum(sizes, table.lengths[new].long()))
    else:
        with torch.no_grad():
            table.weight[new] = before["weight"][old]
