"""The positive pairs of a log as a matrix, as libraries of factorisations read them, and their vectors as factors."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.factorization.factors import Factors


def matrix_of(log: "InteractionLog") -> csr_matrix:
    """Return how often each pair of user and item has label 1 in the training part, by id, float32."""
    rows = log.rows("train")
    rows = rows[log.labels(rows) > 0]
    users, items = (log.field_ids(name, rows).numpy() for name in ("user", "item"))
    shape = tuple(log.schema[name].vocabulary_size for name in ("user", "item"))
    return csr_matrix((np.ones(len(rows), np.float32), (users, items)), shape)


def as_factors(users: NDArray[Any], items: NDArray[Any]) -> "Factors":
    """Return vectors by id as factors without biases, float32."""
    import torch

    from cadc.factorization.factors import Factors

    vectors = {
        name: torch.from_numpy(np.ascontiguousarray(own, np.float32))
        for name, own in (("user", users), ("item", items))
    }
    return Factors(vectors, {name: torch.zeros(len(own)) for name, own in vectors.items()}, kind="score")
