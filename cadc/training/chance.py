"""Whether validation metrics are those of chance, and whether anything simpler than a network does better."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.tasks import HeldOutRanks, HeldOutRows
from cadc.models.model import Model

DEVIATIONS = 2.0
"""Standard deviations of chance up to which a metric counts as chance."""
FINEST = 0.025
"""Largest standard deviation of chance at which validation that finds nothing says something, if nothing simpler does.

That of about 530 rows; fewer rows leave open whether there is anything to find.
"""
PRIOR_ROWS = 5.0
"""Rows of the mean label that the mean label of a value is shrunk by."""


@dataclass(frozen=True)
class Chance:
    """How far validation is from chance.

    Parameters
    ----------
    found : share of pairs in the right order: AUC, or that of a held-out item and any other; 0.5 is chance.
    deviation : standard deviation of that share under chance.
    n_rows : rows, or held-out items, that were read.
    simple : the same share for a reference without a network: mean labels of values, or the popularity of items.
    """

    found: float
    deviation: float
    n_rows: int
    simple: float

    @property
    def simple_is_chance(self) -> bool:
        """Whether the reference does no better than chance either."""
        return self.simple <= 0.5 + DEVIATIONS * self.deviation

    @property
    def says_something(self) -> bool:
        """Whether a network should have found something, or enough rows say that there may be nothing to find."""
        return self.found == 0.5 or not self.simple_is_chance or self.deviation <= FINEST


def chance_of(
    held_out: HeldOutRows | HeldOutRanks, metrics: Mapping[str, float], model: Model, rows: Tensor
) -> Chance | None:
    """Return how far the kept weights are from chance; None where they are clearly better, or rows too few to tell.

    Parameters
    ----------
    held_out : the validation part.
    metrics : of the kept weights.
    model : with these weights.
    rows : numbers of the training rows in the sample, int32 or int64, shape [n].
    """
    if isinstance(held_out, HeldOutRows):
        found = _of_rows(held_out, metrics, rows)
    else:
        found = _of_ranks(held_out, metrics, model, rows)
    return found if found is not None and found.says_something else None


def _of_rows(held_out: HeldOutRows, metrics: Mapping[str, float], rows: Tensor) -> Chance | None:
    label = held_out.log.labels(held_out.rows).numpy()
    n_positive = int((label > 0.5).sum())
    # Variance of the Mann-Whitney statistic without ties.
    deviation = ((len(label) + 1) / (12 * n_positive * (len(label) - n_positive))) ** 0.5
    if metrics["auc"] > 0.5 + DEVIATIONS * deviation:
        return None
    scores = mean_label_scores(held_out.log, rows, held_out.rows)
    # Looked up by name, not imported: a change of a metric that training does not stop by leaves ids of runs alone.
    simple = metric("auc").value(pd.DataFrame({"label": label, "probability": scores.numpy()}))
    return Chance(metrics["auc"], deviation, len(label), simple)


def _of_ranks(held_out: HeldOutRanks, metrics: Mapping[str, float], model: Model, rows: Tensor) -> Chance | None:
    ranking, log = held_out.held_out, held_out.log
    n_items = len(ranking.candidates)
    by_luck = min(10 / n_items, 1.0)
    if metrics["hr@10"] > by_luck + DEVIATIONS * (by_luck / len(held_out)) ** 0.5:
        return None
    popularity = torch.bincount(log.entity_rows("item", rows), minlength=log.n_entities("item")).float()
    scores = popularity[ranking.candidates]
    found, simple = (
        _share_below(ranks, n_items)
        for ranks in (
            held_out.ranks(model),
            ranking.ranks(lambda users: scores.expand(len(users), -1), held_out.kept).numpy(),
        )
    )
    deviation = (12 * max(1, len(held_out))) ** -0.5
    return None if found > 0.5 + DEVIATIONS * deviation else Chance(found, deviation, len(held_out), simple)


def _share_below(ranks: np.ndarray, n_items: int) -> float:
    """Return the mean share of the other items that a held-out item is ranked above; cold items are left out."""
    known = ranks[np.isfinite(ranks)]
    if not len(known) or n_items < 2:
        return 0.5
    return float(1 - ((known - 1) / (n_items - 1)).mean())


def mean_label_scores(log: InteractionLog, train: Tensor, asked: Tensor) -> Tensor:
    """Return a score of some rows from mean labels alone, without interactions of columns: float64, shape [n].

    It is the sum, over the single-valued fields, of the mean label of the row's value, shrunk by `PRIOR_ROWS` rows of
    the overall mean, plus a linear regression on the dense features.

    Parameters
    ----------
    log : the log.
    train : numbers of the rows whose labels are read, int64, shape [m].
    asked : numbers of the rows to score, int64, shape [n].
    """
    mean = float(log.labels(train).double().mean())
    sizes = [field.vocabulary_size for field in log.schema.single]
    sums, counts = ([torch.zeros(size, dtype=torch.float64) for size in sizes] for _ in range(2))
    n_dense = len(log.schema.dense)
    moments = torch.zeros(n_dense + 1, n_dense + 2, dtype=torch.float64)
    for batch in _batches(log, train):
        label = batch.label.double() - mean
        for field, ids in enumerate(batch.ids.long().T):
            sums[field].index_add_(0, ids, label)
            counts[field].index_add_(0, ids, torch.ones_like(label))
        inputs = _with_one(batch)
        moments += inputs.T @ torch.cat([inputs, label.unsqueeze(1)], 1)
    by_value = [total / (count + PRIOR_ROWS) for total, count in zip(sums, counts, strict=True)]
    ridge = PRIOR_ROWS * torch.eye(n_dense + 1, dtype=torch.float64)
    slopes = torch.linalg.solve(moments[:, :-1] + ridge, moments[:, -1])
    found = []
    for batch in _batches(log, asked):
        scores = _with_one(batch) @ slopes
        for field, ids in enumerate(batch.ids.long().T):
            scores = scores + by_value[field][ids]
        found.append(scores)
    return torch.cat(found)


def _batches(log: InteractionLog, rows: Tensor) -> Iterator[Batch]:
    yield from (log.gather(part) for part in rows.split(EVALUATION_BATCH))


def _with_one(batch: Batch) -> Tensor:
    """Return the dense features of a batch beside a column of ones, float64, shape [B, D + 1]."""
    ones = torch.ones(len(batch), 1, dtype=torch.float64)
    return torch.cat([batch.dense.double(), ones], 1)
