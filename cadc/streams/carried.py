"""Weights that a model takes over from that of the segment before."""

import torch
from torch import Tensor, nn

from cadc.embeddings.schemes.sized_rows import SizedTable


def carry_over(before: nn.Module, model: nn.Module) -> None:
    """Let a model go on where that of the segment before ended.

    Tables keep of each known row the prefix that its old and its new length share; the rest starts as the new model
    does. All other weights and buffers of the same shape are copied.

    Parameters
    ----------
    before, model : of the same classes; the tables of the second have the rows of the first, and more.
    """
    inside = set()
    for name, table in model.named_modules():
        if isinstance(table, SizedTable):
            inside.add(name)
            _carry_rows(before.get_submodule(name), table)
    own = dict(before.state_dict())
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.rpartition(".")[0] not in inside and name in own and own[name].shape == value.shape:
                value.copy_(own[name])


def _carry_rows(before: nn.Module, table: SizedTable) -> None:
    """Copy the prefixes of known rows, field by field."""
    assert isinstance(before, SizedTable)
    for field, earlier in zip(table.fields, before.fields, strict=True):
        n = earlier.vocabulary_size
        old = torch.arange(n) + before.first_row[field.name]
        new = torch.arange(n) + table.first_row[field.name]
        shared = torch.minimum(before.lengths[old].long(), table.lengths[new].long())
        values: Tensor = before.eval().vectors(old).detach()
        table.put(new, values, shared)
