"""Views as a module: frozen, saved with the model, equal in training and serving."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.views.histories import COLUMNS, Histories, KnownRows
from cadc.views.view import RowsToScore, View

Arrays = Mapping[str, Tensor]

SCORED_ROWS = 1 << 15
"""Rows whose numbers are computed at once."""


@dataclass(frozen=True)
class FittedPart:
    """Views that were fitted on the same rows.

    Parameters
    ----------
    arrays : what each view has fitted, by its name.
    known : histories of users in the fitted rows; None if no view reads them.
    """

    arrays: Mapping[str, Arrays]
    known: KnownRows | None


class Views(nn.Module):
    """K numbers of each row: those of all views, one after the other.

    Of cross-fitted views, a training row gets the numbers of the part that was fitted without it, and every other row
    gets the mean of the parts' numbers.

    Parameters
    ----------
    views : the views by name, in the order of their numbers.
    parts : what they have fitted; one part, or one for each fold.
    schema : of the log that they were fitted on.
    fold : fold of each training row, int64, shape [n]; None for a single part.
    """

    def __init__(
        self, views: Mapping[str, View], parts: Sequence[FittedPart], schema: Schema, fold: Tensor | None = None
    ) -> None:
        super().__init__()
        self.views, self.schema, self.fold = dict(views), schema, fold
        self.n_parts = len(parts)
        self._arrays = [{name: tuple(part.arrays[name]) for name in views} for part in parts]
        self._known = [None if part.known is None else tuple(part.known.arrays) for part in parts]
        for number, part in enumerate(parts):
            for name, arrays in part.arrays.items():
                for key, array in arrays.items():
                    self.register_buffer(_buffer(number, name, key), array)
            if part.known is not None:
                self._keep(part.known, number)
        single = [field.name for field in schema.single]
        self._places = {name: single.index(name) for name in ENTITY_FIELDS if name in single}
        self._sizes = {name: schema[name].vocabulary_size for name in self._places}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the K numbers, such as `item_neighbours.support`."""
        return tuple(f"{name}.{key}" for name, view in self.views.items() for key in view.columns(self.arrays(name)))

    @property
    def reads_times(self) -> bool:
        """Whether a view reads the times of the rows that it gives numbers for."""
        return any(view.reads_times for view in self.views.values())

    @property
    def n_items(self) -> int:
        """Number of ids of the field `item` that the views know."""
        return self._sizes[ENTITY_FIELDS[1]]

    def arrays(self, name: str, part: int = 0) -> dict[str, Tensor]:
        """Return what a view has fitted, by name."""
        return {key: self.get_buffer(_buffer(part, name, key)) for key in self._arrays[part][name]}

    def known_rows(self, part: int = 0) -> KnownRows | None:
        """Return the histories of users in the rows that a part was fitted on; None if no view reads them."""
        keys = self._known[part]
        if keys is None:
            return None
        return KnownRows({key: self.get_buffer(_buffer(part, "histories", key)) for key in keys})

    def forward(self, batch: Batch) -> Tensor:
        """Return the numbers of a batch, float32, shape [B, K]; those that it brings along, where it does."""
        if batch.views is not None:
            return batch.views
        if self.n_parts == 1 or batch.fold is None:
            return _mean([self._numbers(batch, part) for part in range(self.n_parts)])
        every = torch.stack([self._numbers(batch, part) for part in range(self.n_parts)])
        return every[batch.fold, torch.arange(len(batch), device=every.device)]

    def of_rows(self, log: InteractionLog, rows: Tensor) -> Tensor:
        """Return the numbers of some rows of a log, float32, shape [n, K].

        Parameters
        ----------
        log : the log.
        rows : row numbers, int32 or int64, shape [n]. Training rows must be outside the fitted ones, or have a fold.
        """
        if not len(rows):
            return torch.zeros(0, len(self.columns))
        found = torch.empty(len(rows), len(self.columns))
        # Rows of a user are computed together, whose history is read once.
        users = log.field_ids(ENTITY_FIELDS[0], rows) if ENTITY_FIELDS[0] in self._places else torch.zeros(len(rows))
        order = users.argsort(stable=True)
        n_train = log.n_rows("train")
        for places in order.split(SCORED_ROWS):
            own = rows[places].long()
            if self.fold is None:
                found[places] = self(self._gather(log, own))
                continue
            trained = own < n_train
            found[places[~trained]] = self(self._gather(log, own[~trained]))
            for part in self.fold[own[trained]].unique().tolist():
                chosen = trained.nonzero()[:, 0][self.fold[own[trained]] == part]
                found[places[chosen]] = self._numbers(self._gather(log, own[chosen]), part)
        return found

    def _gather(self, log: InteractionLog, rows: Tensor) -> Batch:
        """Return a batch of rows with all that the views read, and without numbers that were computed before."""
        return replace(log.gather(rows, self.reads_times), views=None)

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to the numbers of these n items, float32, shape [b, n, K]."""
        ids = self._ids(items, ENTITY_FIELDS[1])

        def numbers(users: Batch) -> Tensor:
            parts = [self._item_numbers(self._rows(users, part), ids, part) for part in range(self.n_parts)]
            return _mean(parts)

        return numbers

    def pair_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to the numbers of their pairs with n items, shape [b, n, K]."""

        def numbers(users: Batch) -> Tensor:
            return _mean([self._pair_numbers(users, items, part) for part in range(self.n_parts)])

        return numbers

    def _pair_numbers(self, users: Batch, items: Batch, part: int) -> Tensor:
        of_users, of_items = self._rows(users, part), self._rows(items, part)
        own = [view.pair_numbers(self.arrays(name, part), of_users, of_items) for name, view in self.views.items()]
        return torch.cat(own, 2)

    def of_items_at(self, log: InteractionLog, rows: Tensor, items: Tensor) -> Tensor:
        """Return the numbers that items had for the users of training rows just before these rows.

        Parameters
        ----------
        log : the log.
        rows : numbers of training rows, outside the fitted ones or with a fold, int32 or int64, shape [b].
        items : ids of the field `item`, int64, shape [n].

        Returns
        -------
        float32, shape [b, n, K].
        """
        found = torch.empty(len(rows), len(items), len(self.columns))
        of_part = torch.zeros(len(rows), dtype=torch.int64) if self.fold is None else self.fold[rows.long()]
        for part in of_part.unique().tolist():
            places = (of_part == part).nonzero()[:, 0]
            own = rows[places]
            asked = self._rows(replace(log.gather(own), views=None), part)
            columns = self._history_columns(part)
            if columns is not None:
                asked = replace(asked, histories=KnownRows.before(log, own, columns))
            found[places] = self._item_numbers(asked, items, part)
        return found

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Replace the histories of users by those of some rows, shape [n]; nothing where no view reads histories."""
        for part in range(self.n_parts):
            columns = self._history_columns(part)
            if columns is not None:
                self._keep(KnownRows.of_rows(log, rows, columns), part)

    def _keep(self, known: KnownRows, part: int) -> None:
        n_items = self.schema[ENTITY_FIELDS[1]].vocabulary_size
        for key, array in known.in_few_bytes(n_items).items():
            self.register_buffer(_buffer(part, "histories", key), array)

    def _history_columns(self, part: int) -> list[str] | None:
        keys = self._known[part]
        return None if keys is None else [key for key in keys if key in COLUMNS]

    def _item_numbers(self, asked: RowsToScore, items: Tensor, part: int) -> Tensor:
        own = [view.item_numbers(self.arrays(name, part), asked, items) for name, view in self.views.items()]
        return torch.cat(own, 2)

    def _numbers(self, batch: Batch, part: int) -> Tensor:
        asked = self._rows(batch, part)
        found = [view.numbers(self.arrays(name, part), asked) for name, view in self.views.items()]
        return torch.cat(found, 1).float()

    def _rows(self, batch: Batch, part: int) -> RowsToScore:
        """Return the rows of a batch with the ids that the views know, and the histories of their users."""
        ids = batch.ids
        for name, place in self._places.items():
            if (ids[:, place] >= self._sizes[name]).any():  # of cold users or items, which have no evidence
                ids = ids.clone()
                ids[:, place] = self._ids(batch, name).to(ids.dtype)
        batch = replace(batch, ids=ids)
        users, items = (self._ids(batch, name) for name in ENTITY_FIELDS)
        known = self.known_rows(part)
        histories = no_histories(len(batch)) if known is None else known.of_users(users)
        return RowsToScore(batch, self.schema, users, items, histories)

    def _ids(self, batch: Batch, field: str) -> Tensor:
        if field not in self._places:
            return torch.zeros(len(batch), dtype=torch.int64)
        ids = batch.ids[:, self._places[field]].long()
        return ids.where(ids < self._sizes[field], 0)


def _mean(parts: Sequence[Tensor]) -> Tensor:
    """Return the mean of tensors of one shape; unlike `torch.mean`, an element's bits do not depend on its place."""
    return sum(parts[1:], parts[0]) / len(parts)


def no_histories(n: int) -> Histories:
    """Return the histories of n rows that share an empty one."""
    none = torch.zeros(0, dtype=torch.int64)
    return Histories(torch.zeros(2, dtype=torch.int64), none, torch.zeros(n, dtype=torch.int64))


def history_columns(views: Mapping[str, View], arrays: Mapping[str, Arrays]) -> list[str] | None:
    """Return what some views read of histories together, in the order of `COLUMNS`; None if they read none."""
    asked = [found for name, view in views.items() if (found := view.history_columns(arrays[name])) is not None]
    return [name for name in COLUMNS if any(name in found for found in asked)] if asked else None


def _buffer(part: int, view: str, key: str) -> str:
    return f"{view}__{key}__{part}"
