"""Held-out pairs of a log that are ranked after every epoch: masks and candidates are found once."""

from functools import cached_property

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import CadcError, DataError
from cadc.evaluation.ranking.ranks import Masked, Scorer, full_ranks

BEFORE = {"validation": ("train",), "test": ("train", "validation")}
"""By the part that is ranked, the earlier parts, whose items are masked."""


def rows_before(log: InteractionLog, split: str) -> Tensor:
    """Return the rows that are known when `validation` or `test` is ranked: those of all earlier parts, shape [n].

    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> from cadc.data.split import RandomSplit
    >>> log = prepare(Synthetic(n_rows=1000), RandomSplit())
    >>> len(rows_before(log, "validation")), len(rows_before(log, "test"))
    (800, 900)
    """
    return torch.cat([log.rows(earlier) for earlier in BEFORE[split]])


class HeldOutRanking:
    """Ranks the positive rows of a part among all items that their user has not seen before.

    The candidates are the same for every arm, whatever rows it was trained on: items with at least one training row. A
    held-out item without one (a cold item) is a miss. The items of all training rows of a user are masked, and for the
    test part those of the validation rows too, positive or not. In a segment of a stream, training rows of earlier
    segments make candidates, and all their rows mask, too. A held-out pair is never masked, even if the user saw the
    item before, and is ranked once, however many rows of the part it has. Ties share their mid rank.

    Parameters
    ----------
    log : log with users and items.
    split : `validation` or `test`.

    Attributes
    ----------
    rows : numbers of the ranked rows, those of the part with label 1, the first of each pair, int64, shape [n].
    users, items : their rows in the tables of entities, from 1, int64, shape [n].
    candidates : rows of the ranked items in the table of entities, ascending, int64, shape [c].

    Raises
    ------
    DataError : if the log has no users or items, or the part no positive row.
    """

    def __init__(self, log: InteractionLog, split: str) -> None:
        for side in ("user", "item"):
            if side not in log.entities:
                raise DataError(f"{log.meta['name']} has no {side} fields, so there is no item to rank for a user.")
        part = log.rows(split)
        self.rows = part[log.labels(part) > 0]
        if not len(self.rows):
            raise DataError(f"the {split} part of {log.meta['name']} has no row with label 1, so none is ranked.")
        self.split = split
        n_items = len(log.entities["item"].ids)
        users, items = _pairs(log, split, self.rows - part[0])
        once = _first_of_each(users * n_items + items)
        self.rows, self.users, self.items = self.rows[once], users[once], items[once]
        trained = torch.cat([_pairs(log, "train")[1], log.earlier_pairs("train")[1]])
        counts = torch.bincount(trained[trained > 0], minlength=n_items)
        self.candidates = counts.nonzero().squeeze(1)
        self._column = torch.full((n_items,), -1)
        self._column[self.candidates] = torch.arange(len(self.candidates))
        self._masked = self._mask(log)

    def _mask(self, log: InteractionLog) -> Masked:
        """Return the pairs of earlier parts, as (user, column of the scores), except held-out pairs."""
        before = [log.earlier_pairs(), *(_pairs(log, split) for split in BEFORE[self.split])]
        users, items = (torch.cat(parts) for parts in zip(*before, strict=True))
        columns = self._column[items]
        asked = torch.zeros(len(log.entities["user"].ids), dtype=torch.bool)
        asked[self.users] = True
        kept = asked[users] & (columns >= 0)
        warm = ~self.is_cold
        held_out = self.users[warm], self._column[self.items[warm]]
        return Masked(users[kept], columns[kept], kept=held_out)

    @cached_property
    def is_cold(self) -> Tensor:
        """Whether each held-out item lacks a training row, bool, shape [n]."""
        return self._column[self.items] < 0

    def ranks(self, scorer: Scorer, kept: Tensor | None = None, n_scores: int | None = None) -> Tensor:
        """Return the rank of each held-out item, from 1; infinite for a cold one; float64, shape [n].

        Parameters
        ----------
        scorer : takes users (rows in the table of entities), int64 [b], on the CPU; returns the scores of
            `candidates`, [b, c], on any device.
        kept : places of the held-out items to rank, int64, shape [n]; None ranks all. A user's held-out items are
            candidates for one another, ranked or not.
        n_scores : most scores held at once, see `full_ranks`.

        Raises
        ------
        CadcError : if a score is NaN, or there is not one score for each candidate.
        """

        def checked(users: Tensor) -> Tensor:
            scores = scorer(users)
            if scores.shape != (expected := (len(users), len(self.candidates))):
                raise CadcError(f"the scores of a ranking have shape {tuple(scores.shape)}; expected {expected}.")
            return scores

        kept = torch.arange(len(self.rows)) if kept is None else kept
        warm = ~self.is_cold[kept]
        users, columns = self.users[kept][warm], self._column[self.items[kept][warm]]
        rank = torch.full((len(kept),), torch.inf, dtype=torch.float64)
        rank[warm] = full_ranks(checked, users, columns, self._masked, n_scores=n_scores)
        return rank


def _first_of_each(values: Tensor) -> Tensor:
    """Return the place of the first occurrence of each value, in ascending order, int64."""
    order = values.argsort(stable=True)
    is_first = torch.ones(len(values), dtype=torch.bool)
    is_first[1:] = values[order][1:] != values[order][:-1]
    return order[is_first].sort().values


def _pairs(log: InteractionLog, split: str, places: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return users and items of a part, or of some places in it, as rows of the tables of entities, int64."""
    users, items = (torch.from_numpy(log.column(side, split).astype("int64")) for side in ("user", "item"))
    return (users, items) if places is None else (users[places], items[places])
