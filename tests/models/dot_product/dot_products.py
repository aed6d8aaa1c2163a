"""Small models that score by a dot product, for tests."""

from cadc.data.schema import ENTITY_FIELDS
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.embeddings.schemes.full import Full
from cadc.randomness import torch_generator

DIM = 4


def model_of(cls, log, task="ranking", rows=None, seed=0, **options):
    targets = RandomInitializer(std=0.5).targets(log, DIM, None, torch_generator(seed, "tables"), {})
    tables = {
        name: EmbeddingCollection(log.schema, Full(dim=DIM), InitialValues(targets), names=(name,))
        for name in ENTITY_FIELDS
    }
    model = cls(tables, log.schema, task, **options)
    model.begin(log, log.rows("train") if rows is None else rows)
    return model


def weights_of(model):
    """Return the vectors of users and of items as they are trained."""
    return [model.embeddings[name].tables[0].weight for name in ENTITY_FIELDS]
