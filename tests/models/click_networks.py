"""Small networks that predict clicks, and an MLP computed with NumPy."""

import numpy as np
import torch

from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.embeddings.schemes.full import Full
from cadc.models.dlrm import DLRM
from cadc.randomness import torch_generator


def model_of(log, cls=DLRM, dim=4, n_dense=None, weight_seed=0, frozen=(), **options):
    targets = RandomInitializer(std=0.5).targets(log, dim, None, torch_generator(0, "tables"))
    embeddings = EmbeddingCollection(log.schema, Full(dim=dim), InitialValues(targets, frozen))
    n_dense = len(log.schema.dense) if n_dense is None else n_dense
    options = {"factors": None, "views": None} | options
    return cls(embeddings, n_dense, torch_generator(weight_seed, "network"), schema=log.schema, **options)


def layers(sequential):
    return [layer for layer in sequential if isinstance(layer, torch.nn.Linear)]


def naive_mlp(sequential, values, last_relu):
    linear = layers(sequential)
    for number, layer in enumerate(linear):
        values = layer.weight.detach().double().numpy() @ values + layer.bias.detach().double().numpy()
        if last_relu or number < len(linear) - 1:
            values = np.maximum(values, 0)
    return values
