"""LensKit: ALS for implicit feedback."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.peers.installed import missing
from benchmarks.peers.matrix import as_factors, matrix_of

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.factorization.factors import Factors

    Fits = dict[str, Callable[[], Factors] | str]


def fits(name: str, log: "InteractionLog", dim: int, n_passes: int, threads: int) -> "Fits":
    """Return what fits the same, by how it is called; its weight of positives and penalty are its defaults."""
    if name != "als":
        return {}
    if why := missing("lenskit"):
        return {"LensKit": why}
    try:
        from lenskit.als import ImplicitMFScorer
        from lenskit.data import from_interactions_df

        matrix = matrix_of(log).tocoo()
        data = from_interactions_df(pd.DataFrame({"user_id": matrix.row, "item_id": matrix.col}))
    except Exception as error:  # it depends on versions of others, and need not run here
        return {"LensKit": f"does not run here: {type(error).__name__}: {error}"}

    def fit() -> "Factors":
        model = ImplicitMFScorer(embedding_size=dim, epochs=n_passes)
        model.train(data)
        found = []
        for own, ids, size in (
            (model.user_embeddings, model.users.ids(), matrix.shape[0]),
            (model.item_embeddings, model.items.ids(), matrix.shape[1]),
        ):
            by_id = np.zeros((size, dim), np.float32)
            by_id[np.asarray(ids)] = np.asarray(own)
            found.append(by_id)
        return as_factors(*found)

    return {"LensKit, its penalty and weights": fit}
