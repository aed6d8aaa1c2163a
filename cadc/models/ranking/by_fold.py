"""Scores of training rows whose items have other vectors in each fold of cross-fitting."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.schemes.folds import FoldTables
from cadc.models.ranking.pair_scorers import DotScorer, MLPScorer
from cadc.models.ranking.pair_scores import Side, pair_scores


def n_folds_of(tables: EmbeddingCollection) -> int:
    """Return the number of folds that tables differ by; 0 for tables that are the same for all rows."""
    return max((table.n_folds for table in tables.tables if isinstance(table, FoldTables)), default=0)


def scores_by_fold(
    scorer: DotScorer | MLPScorer,
    users: Side,
    side_of: Callable[[Batch], Side],
    items: Batch,
    columns: Tensor | None,
    fold: Tensor | None,
    n_folds: int,
) -> Tensor:
    """Return the scores of B users and m items, those of a user with the items' vectors in the fold of its row.

    Parameters
    ----------
    scorer, users, columns : see `cadc.models.ranking.pair_scores.pair_scores`.
    side_of : returns the side of some items.
    items : the m items.
    fold : of each row, int64, shape [B]; None without folds.
    n_folds : see `n_folds_of`.

    Returns
    -------
    scores : shape [B, m], or [B, c] for c columns.
    """
    if fold is None or not n_folds:
        return pair_scores(scorer, users, side_of(items), columns)
    order, parts = torch.argsort(fold, stable=True), []
    counts = torch.bincount(fold, minlength=n_folds).tolist()
    for number, rows in enumerate(order.split(counts)):
        of_fold = side_of(replace(items, fold=fold.new_full((len(items),), number)))
        parts.append(pair_scores(scorer, users.at(rows), of_fold, None if columns is None else columns[rows]))
    return torch.cat(parts)[torch.argsort(order)]
