"""A held-out part of a log that a model is evaluated on: rows that are scored, or items that are ranked."""

from collections.abc import Callable, Iterator
from typing import ClassVar, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH, whole_tiles
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide
from cadc.data.thinning import thinned
from cadc.distributed.portion import Portion
from cadc.distributed.ranks import current_ranks
from cadc.errors import CadcError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.metrics.metric import Metric
from cadc.evaluation.ranking import HeldOutRanking
from cadc.evaluation.saved_tables import SAVED, SavedTable


class Scorer(Protocol):
    """What is asked of a model here, of which `cadc.models.model.Model` is one."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, shape [B]."""

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to the scores of n items, shape [b, n]."""

    def parameters(self) -> Iterator[Tensor]:
        """Yield all weights."""


class HeldOutPart:
    """What both kinds of held-out part share.

    Where several ranks work together, each scores its portion of the rows, or ranks for its portion of the users. The
    first one gathers them, checks that every row is there once, and computes the metrics, which the others are told.

    Attributes
    ----------
    saved : the table that is saved of it.
    """

    saved: ClassVar[SavedTable]

    @property
    def monitor(self) -> Metric:
        """The metric that training keeps the best epoch by, and stops by."""
        return metric(self.saved.monitor)

    def _each_epoch(self, rows: pd.DataFrame) -> dict[str, float]:
        """Return the metrics of an epoch from scores or ranks that the first rank has."""
        return current_ranks().numbers_of_first(
            lambda: {name: metric(name).value(rows) for name in self.saved.each_epoch}
        )


class HeldOutRows(HeldOutPart):
    """Rows whose labels are predicted.

    Parameters
    ----------
    log : the log.
    split : `validation` or `test`.
    rate : share of its rows that is read, drawn once for all runs.

    Attributes
    ----------
    saved : the table of scores.
    """

    saved: ClassVar[SavedTable] = SAVED["ctr"]

    def __init__(self, log: InteractionLog, split: str, rate: float = 1.0) -> None:
        self.log, self.split = log, split
        self.rows = thinned(log.rows(split), rate)

    def __len__(self) -> int:
        return len(self.rows)

    def metrics(self, model: Scorer) -> dict[str, float]:
        """Return the metrics of an epoch, that which training stops by among them.

        Raises
        ------
        CadcError : where a logit is NaN or infinite.
        DataError : where AUC is undefined.
        """
        label, probability = self.log.labels(self.rows).numpy(), self.probabilities(model)
        rows = pd.DataFrame({"label": label, "probability": probability})
        return self._each_epoch(rows)

    @torch.no_grad()
    def probabilities(self, model: Scorer) -> NDArray[np.float64]:
        """Return the probability of label 1 of every row, float64, shape [n]; at other ranks than the first, of theirs.

        Raises
        ------
        CadcError : where a logit is NaN or infinite.
        """
        ranks = current_ranks()
        own = ranks.portion(len(self))
        logits, probability = self._scored(model, self.rows[own.first : own.end])
        if not ranks.is_alone:
            scored = torch.stack([logits, probability], 1)
            scored = ranks.in_place(torch.arange(own.first, own.end), scored, len(self))
            logits, probability = scored.unbind(1)
        if ranks.is_first:
            require_numbers(logits.numpy(), self.split)
        found: NDArray[np.float64] = probability.numpy()
        return found

    def _scored(self, model: Scorer, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and probabilities of some rows, float64, shape [n] each."""
        device = device_of(model)
        logits, probabilities = [torch.empty(0, dtype=torch.float64)], [torch.empty(0, dtype=torch.float64)]
        parts = rows.split(EVALUATION_BATCH) if len(rows) else ()
        for part in parts:
            own = model(self.log.gather(whole_tiles(part)).to(device)).cpu().double()
            logits.append(own[: len(part)])
            # Of whole tiles as well: the exponential of what is left over has other bits.
            probabilities.append(own.sigmoid()[: len(part)])
        # Ranks that share tables look up together, the first one, whose portion is the largest, most often.
        for _ in range(len(parts), -(-Portion.of_rank(0, current_ranks().size, len(self)).n // EVALUATION_BATCH)):
            model(self.log.gather(whole_tiles(self.rows[:1])).to(device))
        return torch.cat(logits), torch.cat(probabilities)

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


class HeldOutRanks(HeldOutPart):
    """Items that are ranked among all that their user has not met.

    Parameters
    ----------
    log : the log.
    split : `validation` or `test`.
    rate : share of the held-out items that is read, drawn once for all runs.

    Attributes
    ----------
    saved : the table of ranks.
    """

    saved: ClassVar[SavedTable] = SAVED["ranking"]

    def __init__(self, log: InteractionLog, split: str, rate: float = 1.0) -> None:
        self.log, self.split = log, split
        self.held_out = HeldOutRanking(log, split)
        self.kept = thinned(torch.arange(len(self.held_out.rows)), rate)

    def __len__(self) -> int:
        return len(self.kept)

    def metrics(self, model: Scorer) -> dict[str, float]:
        """Return the metrics of an epoch, that which training stops by among them.

        Raises
        ------
        CadcError : where a score is NaN or infinite.
        """
        rows = pd.DataFrame({"user": self.held_out.users[self.kept].numpy(), "rank": self.ranks(model)})
        return self._each_epoch(rows)

    @torch.no_grad()
    def ranks(self, model: Scorer) -> NDArray[np.float64]:
        """Return the rank of every held-out item, from 1, infinite for one that cannot be found; float64, shape [n].

        At other ranks of a process group than the first, those of the items of their users.
        """
        device = device_of(model)
        candidates = self.log.items(self.held_out.candidates)
        score = model.item_scorer(candidates.to(device))

        def scores_of(users: Tensor) -> Tensor:
            found = score(self.log.users(users).to(device)).cpu()
            require_numbers(found.numpy(), self.split)
            return found

        ranks = current_ranks()
        if ranks.is_alone:
            return self.held_out.ranks(scores_of, self.kept).numpy()
        places = self._portion()
        found = self.held_out.ranks(scores_of, self.kept[places])
        return ranks.in_place(places, found.unsqueeze(1), len(self)).squeeze(1).numpy()

    def _portion(self) -> Tensor:
        """Return the places of the held-out items that this rank ranks, those of its users, int64, ascending."""
        users, number = torch.unique(self.held_out.users[self.kept], return_inverse=True)
        own = current_ranks().portion(len(users))
        return ((number >= own.first) & (number < own.end)).nonzero().squeeze(1)

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


HeldOut = HeldOutRows | HeldOutRanks

BY_TASK: dict[str, type[HeldOutRows] | type[HeldOutRanks]] = {"ctr": HeldOutRows, "ranking": HeldOutRanks}


def keys_of(log: InteractionLog, side: EntitySide, rows: Tensor) -> NDArray[np.generic]:
    """Return the raw ids of rows of an entity table."""
    return log.entity_keys(side)[rows.numpy() - 1]


def device_of(model: Scorer) -> torch.device:
    """Return the device of a model; the CPU for one without weights."""
    return next((weight.device for weight in model.parameters()), torch.device("cpu"))


def require_numbers(scores: NDArray[np.floating], split: str) -> None:
    """Raise a CadcError for scores that are NaN or infinite."""
    is_number = np.isfinite(scores)
    if not is_number.all():
        n_wrong = is_number.size - np.count_nonzero(is_number)
        raise CadcError(f"{n_wrong} scores of the {split} part are NaN or infinite; no metric is computed.")
