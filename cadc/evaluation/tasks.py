"""A held-out part of a log, as a model is judged by it: rows that are scored, or items that are ranked."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import ClassVar, Literal, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH, BatchLoader
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide
from cadc.data.thinning import thinned
from cadc.errors import CadcError, DataError
from cadc.evaluation.auc import auc
from cadc.evaluation.calibration import expected_calibration_error
from cadc.evaluation.gauc import gauc
from cadc.evaluation.logloss import logloss
from cadc.evaluation.ranking import HeldOutRanking, ranking_metrics

Task = Literal["ctr", "ranking"]


class Scorer(Protocol):
    """What is asked of a model here, of which `cadc.models.model.Model` is one."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to the scores of n items, shape [b, n]."""

    def parameters(self) -> Iterator[Tensor]:
        """Yield all weights."""


class HeldOutRows:
    """Rows whose labels are predicted: AUC, logloss, and what else is computed from their scores.

    Parameters
    ----------
    log : the log.
    split : `validation` or `test`.
    rate : share of its rows that is read, drawn once for all runs.
    """

    saved_as: ClassVar[str] = "scores.parquet"
    monitor: ClassVar[str] = "logloss"
    higher_is_better: ClassVar[bool] = False

    def __init__(self, log: InteractionLog, split: str, rate: float = 1.0) -> None:
        self.log, self.split = log, split
        self.rows = thinned(log.rows(split), rate)

    def __len__(self) -> int:
        return len(self.rows)

    def metrics(self, model: Scorer) -> dict[str, float]:
        """Return what an epoch is judged by."""
        label, probability = self.log.labels(self.rows).numpy(), self.probabilities(model)
        return {"auc": auc(label, probability), "logloss": logloss(label, probability)}

    @torch.no_grad()
    def probabilities(self, model: Scorer) -> NDArray[np.float64]:
        """Return the probability of label 1 of every row, float64, shape [n].

        Raises
        ------
        CadcError : where one is NaN.
        """
        device = device_of(model)
        logits = [model(batch.to(device)).cpu() for batch in BatchLoader(self.log, self.rows, EVALUATION_BATCH)]
        probability: NDArray[np.float64] = torch.cat(logits).double().sigmoid().numpy()
        require_numbers(probability, self.split)
        return probability

    def table(self, model: Scorer) -> pd.DataFrame:
        """Return row (place in the raw log), user, item, label and float64 probability of every row."""
        columns = {
            "row": self.log.column("row")[self.rows.numpy()],
            "label": self.log.column("label")[self.rows.numpy()],
            "probability": self.probabilities(model),
        }
        for side in self.log.entities:
            columns[side] = keys_of(self.log, side, self.log.entity_rows(side, self.rows))
        return pd.DataFrame(columns)

    @staticmethod
    def metrics_of(table: pd.DataFrame) -> dict[str, float]:
        """Return all metrics of saved scores; those within users are left out where there are none."""
        label, probability = table["label"].to_numpy(), table["probability"].to_numpy()
        found = {
            "auc": auc(label, probability),
            "logloss": logloss(label, probability),
            "ece": expected_calibration_error(label, probability),
        }
        if "user" in table:
            with suppress(DataError):  # no user has labels of both classes, as where each has one row
                found["gauc"] = gauc(label, probability, table["user"].to_numpy()).value
        return found


class HeldOutRanks:
    """Items to be found among all that a user has not met: HR, NDCG, Recall and MRR.

    Parameters
    ----------
    log : the log.
    split : `validation` or `test`.
    rate : share of the held-out items that is read, drawn once for all runs.
    """

    saved_as: ClassVar[str] = "ranks.parquet"
    monitor: ClassVar[str] = "ndcg@10"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, log: InteractionLog, split: str, rate: float = 1.0) -> None:
        self.log, self.split = log, split
        self.held_out = HeldOutRanking(log, split)
        self.kept = thinned(torch.arange(len(self.held_out.rows)), rate)

    def __len__(self) -> int:
        return len(self.kept)

    def metrics(self, model: Scorer) -> dict[str, float]:
        """Return what an epoch is judged by."""
        users = self.held_out.users[self.kept].numpy()
        return ranking_metrics(self.ranks(model), users)

    @torch.no_grad()
    def ranks(self, model: Scorer) -> NDArray[np.float64]:
        """Return the rank of every held-out item, from 1, infinite for one that cannot be found; float64, shape [n]."""
        device = device_of(model)
        candidates = self.log.items(self.held_out.candidates)
        score = model.item_scorer(candidates.to(device))

        def scores_of(users: Tensor) -> Tensor:
            found = score(self.log.users(users).to(device)).cpu()
            require_numbers(found.numpy(), self.split)
            return found

        return self.held_out.ranks(scores_of, self.kept).numpy()

    def table(self, model: Scorer) -> pd.DataFrame:
        """Return row (place in the raw log), user, item and rank of every held-out item."""
        found = self.held_out
        return pd.DataFrame(
            {
                "row": self.log.column("row")[found.rows[self.kept].numpy()],
                "rank": self.ranks(model),
                "user": keys_of(self.log, "user", found.users[self.kept]),
                "item": keys_of(self.log, "item", found.items[self.kept]),
            }
        )

    @staticmethod
    def metrics_of(table: pd.DataFrame) -> dict[str, float]:
        """Return all metrics of saved ranks, and the share of items that no training row held."""
        rank = table["rank"].to_numpy()
        return ranking_metrics(rank, table["user"].to_numpy()) | {"cold_share": float(np.isinf(rank).mean())}


HeldOut = HeldOutRows | HeldOutRanks

BY_TASK: dict[str, type[HeldOutRows] | type[HeldOutRanks]] = {"ctr": HeldOutRows, "ranking": HeldOutRanks}


def keys_of(log: InteractionLog, side: EntitySide, rows: Tensor) -> NDArray[np.generic]:
    """Return the raw ids of rows of an entity table."""
    return log.entity_keys(side)[rows.numpy() - 1]


def device_of(model: Scorer) -> torch.device:
    """Return the device of a model; the CPU for one without weights."""
    return next((weight.device for weight in model.parameters()), torch.device("cpu"))


def require_numbers(scores: NDArray[np.floating], split: str) -> None:
    """Raise a CadcError for scores that are NaN."""
    if n_missing := int(np.isnan(scores).sum()):
        raise CadcError(f"{n_missing} scores of the {split} part are NaN; no metric is computed.")
