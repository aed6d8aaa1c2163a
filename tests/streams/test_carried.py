"""A segment's model goes on from the one before: known rows keep the prefix that both lengths share."""

import torch
from torch import nn

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.schemes.full import Full
from cadc.embeddings.schemes.sized_rows import SizedRows
from cadc.streams.carried import carry_over

DIM = 4


class Net(nn.Module):
    """A table of sized rows, one of full rows, a layer, and what it knows of its log."""

    def __init__(self, users, items, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        fields = (Field("user", "user", len(users)), Field("item", "item", len(items)))
        sizes = {"user": torch.tensor(users), "item": torch.tensor(items)}
        self.vectors = SizedRows(dim=DIM, sizes=sizes).table(TableSpec(fields))
        self.terms = Full(dim=1).table(TableSpec(fields))
        for table in (self.vectors, self.terms):
            table.initialise_from([None, None], generator=generator)
        self.layer = nn.Linear(3, 2)
        nn.init.normal_(self.layer.weight, generator=generator)
        self.register_buffer("of_log", torch.tensor([seed]))


def test_prefixes_are_kept_and_new_rows_start_anew():
    before = Net([2, 4, 1], [3, 2], seed=0)
    model, untouched = (Net([2, 1, 3, 4], [3, 4, 1], seed=1) for _ in range(2))
    carry_over(before.state_dict(), {"user": 3, "item": 2}, model)

    def rows(net):
        return net.vectors.reconstruct(), net.terms.reconstruct()

    (old, old_terms), (new, new_terms), (start, start_terms) = rows(before), rows(model), rows(untouched)
    lengths = {0: 2, 1: 1, 2: 1, 4: 3, 5: 2}  # by row of the new model, what both share
    earlier = {0: 0, 1: 1, 2: 2, 4: 3, 5: 4}
    for row in range(7):
        shared = lengths.get(row, 0)
        if row in earlier:
            assert torch.equal(new[row, :shared], old[earlier[row], :shared])
            assert torch.equal(new_terms[row], old_terms[earlier[row]])
        else:
            assert torch.equal(new_terms[row], start_terms[row])
        assert torch.equal(new[row, shared:], start[row, shared:])
    assert torch.equal(model.layer.weight, before.layer.weight)
    assert model.of_log == 1
