"""Which optimiser a model gets: `auto` goes by the rows of its trained, uncompressed tables."""

import pytest
import torch

from cadc.adam import Adam
from cadc.data.schema import Field, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from cadc.embeddings.schemes.hashing import Hashing
from cadc.models.model import Model
from cadc.training.lazy_adam import LazyAdam
from cadc.training.optimizers import LAZY_FROM, optimizer_of


class Sum(Model):
    """The sum of all numbers that are looked up."""

    def __init__(self, n_users, n_items, frozen=(), scheme=None):
        super().__init__()
        schema = Schema((Field("user", "user", n_users), Field("item", "item", n_items)))
        targets = {
            name: torch.zeros(size, 1) if name in frozen else None
            for name, size in (("user", n_users), ("item", n_items))
        }
        self.embeddings = EmbeddingCollection(schema, scheme or Full(dim=1), InitialValues(targets, frozen))

    def forward(self, batch):
        return self.embeddings(batch).sum((1, 2))


HALF = LAZY_FROM // 2


@pytest.mark.parametrize(
    "model, expected",
    [
        (Sum(HALF, HALF), Adam),
        (Sum(HALF, HALF + 1), LazyAdam),
        (Sum(2, 2 * LAZY_FROM, frozen=("item",)), Adam),
        (Sum(2, 2 * LAZY_FROM, scheme=Hashing(dim=1, ratio=100)), Adam),
    ],
    ids=["few rows", "many rows", "frozen", "compressed"],
)
def test_auto_leaves_alone_the_rows_of_large_tables_that_are_trained(model, expected):
    assert isinstance(optimizer_of(model, 0.01, 0.0, "auto"), expected)


def test_a_choice_counts_whatever_the_size():
    assert isinstance(optimizer_of(Sum(2, 2), 0.01, 0.0, True), LazyAdam)
    assert isinstance(optimizer_of(Sum(2, 2 * LAZY_FROM), 0.01, 0.0, False), Adam)
