"""Small two-tower networks, and made-up factors, for tests."""

import torch

from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.embeddings.schemes.full import Full
from cadc.factorization.factors import Factors
from cadc.models.ranking.two_tower import TwoTower
from cadc.randomness import torch_generator

SCORERS = ("dot", "cosine", "mlp")
DIM = 4
ENRICHED = ("user", "item")


def towers_of(log, frozen=(), start=None):
    targets = RandomInitializer(std=0.5).targets(log, DIM, None, torch_generator(0, "tables"), {}) | (start or {})

    def collection(*sides):
        return EmbeddingCollection(log.schema, Full(dim=DIM), InitialValues(targets, frozen), sides)

    return {"user": collection("user", "context"), "item": collection("item")}


def factors_of(log, k=3, seed=5):
    generator = torch.Generator().manual_seed(seed)
    vectors = {side: torch.randn(log.schema[side].vocabulary_size, k, generator=generator) for side in ("user", "item")}
    biases = {side: torch.randn(len(table), generator=generator) for side, table in vectors.items()}
    for table in (*vectors.values(), *biases.values()):
        table[0] = 0
    return Factors(vectors, biases)


def model_of(log, rows=None, frozen=(), factors=None, weight_seed=0, start=None, **options):
    options = {"hidden": (8,), "width": 6, "scorer_mlp": (8, 5), "compression": 3} | options
    generator = torch_generator(weight_seed, "network")
    model = TwoTower(towers_of(log, frozen, start), factors, log.schema, len(log.schema.dense), generator, **options)
    model.begin(log, log.rows("train") if rows is None else rows)
    return model
