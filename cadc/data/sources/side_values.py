"""The values of one side feature, as rows give them to users or items, and what counts where they differ."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cadc.errors import UsageError

Conflict = Literal["error", "first", "most", "bag"]
"""What counts of several values of one entity: none, as they are an error; the first; the most frequent; all."""

MISSING = -1
MERGED_ROWS = 1 << 16
"""Least number of new pairs that are merged with the others."""


def require_conflict(choice: str) -> None:
    """Raise a UsageError for an unknown way to treat several values."""
    if choice not in get_args(Conflict):
        raise UsageError(f"data.on_conflict is {choice!r}; choose one of {', '.join(get_args(Conflict))}.")


class FirstValues:
    """Keeps the first value of each entity, and tells which later ones differ.

    Values are numbered by codes from 0 on, and `MISSING` is none. Only a code and a mark for each entity are in memory.
    """

    def __init__(self) -> None:
        self._kept = np.empty(0, np.int32)
        self._differs = np.empty(0, np.bool_)

    def add(self, entities: NDArray[np.int32], codes: NDArray[np.int32], n_entities: int) -> NDArray[np.intp]:
        """Add the values of some rows.

        Parameters
        ----------
        entities : number of each row's entity, int32, shape [B].
        codes : code of each row's value, int32, shape [B].
        n_entities : number of entities so far.

        Returns
        -------
        Positions of the rows whose value differs from the first one of their entity, ascending.
        """
        if len(self._kept) < n_entities:
            n_more = max(n_entities, 2 * len(self._kept)) - len(self._kept)
            self._kept = np.concatenate([self._kept, np.full(n_more, MISSING, np.int32)])
            self._differs = np.concatenate([self._differs, np.zeros(n_more, np.bool_)])
        fresh = np.flatnonzero((self._kept[entities] == MISSING) & (codes != MISSING))
        # Written in reverse order, so that the first row of each entity is written last and stays.
        self._kept[entities[fresh][::-1]] = codes[fresh][::-1]
        differing = np.flatnonzero((self._kept[entities] != codes) & (codes != MISSING))
        self._differs[entities[differing]] = True
        return differing

    @property
    def n_conflicts(self) -> int:
        """Number of entities with several values."""
        return int(self._differs.sum())

    def kept(self, n_entities: int) -> NDArray[np.int32]:
        """Return the first value of each entity, int32, shape [n_entities]."""
        return self._kept[:n_entities]


class CountedValues:
    """Counts how many rows give each value to each entity; all different pairs of both are in memory."""

    def __init__(self) -> None:
        self._parts = [np.empty((0, 3), np.int64)]
        self._n_rows = 0

    def add(self, entities: NDArray[np.int32], codes: NDArray[np.int32], n_entities: int) -> None:
        """Add the values of some rows, see `FirstValues.add`."""
        present = np.flatnonzero(codes != MISSING)
        pairs = entities[present].astype(np.int64) << 32 | codes[present]
        own, first, counts = np.unique(pairs, return_index=True, return_counts=True)
        self._parts.append(np.stack([own, counts, self._n_rows + present[first]], 1))
        self._n_rows += len(codes)
        # Whenever what is new outgrows what is merged, so that all merging together stays cheap.
        if sum(map(len, self._parts[1:])) > max(MERGED_ROWS, len(self._parts[0])):
            self._merge()

    def _merge(self) -> NDArray[np.int64]:
        """Return pairs, ascending, with their numbers of rows and first rows, int64, shape [m, 3]."""
        rows = np.concatenate(self._parts)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        starts = np.flatnonzero(np.diff(rows[:, 0], prepend=-1))
        if len(rows):
            rows = np.stack(
                [
                    rows[starts, 0],
                    np.add.reduceat(rows[:, 1], starts),
                    np.minimum.reduceat(rows[:, 2], starts),
                ],
                1,
            )
        self._parts = [rows]
        return rows

    @property
    def n_conflicts(self) -> int:
        """Number of entities with several values."""
        return int((np.unique(self._merge()[:, 0] >> 32, return_counts=True)[1] > 1).sum())

    def most_frequent(self, n_entities: int) -> NDArray[np.int32]:
        """Return the value of each entity that most rows hold, of equals the first, int32, shape [n_entities]."""
        rows = self._merge()
        entities, codes = rows[:, 0] >> 32, rows[:, 0] & (2**32 - 1)
        order = np.lexsort((rows[:, 2], -rows[:, 1], entities))
        found = np.full(n_entities, MISSING, np.int32)
        # Written in reverse order, so that the best value of each entity is written last and stays.
        found[entities[order][::-1]] = codes[order][::-1]
        return found

    def all(self, n_entities: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the different values of all entities, one entity after the other, and where each begins.

        Returns
        -------
        codes : in the order in which an entity's rows have them, int32, shape [V].
        offsets : int64, shape [n_entities + 1].
        """
        rows = self._merge()
        entities, codes = rows[:, 0] >> 32, rows[:, 0] & (2**32 - 1)
        order = np.lexsort((rows[:, 2], entities))
        lengths = np.bincount(entities, minlength=n_entities)
        return codes[order].astype(np.int32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
