"""A log as a stream: segments one after the other, each of which knows its own past only."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.data.split.segments import TRAIN, SegmentSplit
from cadc.data.split.split import SPLITS
from cadc.data.streams.segment_files import SegmentFiles
from cadc.errors import DataError
from cadc.randomness import numpy_generator


class SegmentLog(InteractionLog):
    """The log of one segment: its own training rows and those replayed, its validation rows and its test rows."""

    def __init__(self, files: SegmentFiles) -> None:
        self._read(files)
        self._segment_files = files

    def earlier_pairs(self, split: str | None = None) -> tuple[Tensor, Tensor]:
        """Return users and items of rows of earlier segments, see `InteractionLog.earlier_pairs`."""
        users, items = (torch.from_numpy(self._segment_files.earlier_entities(side, split)) for side in ENTITY_FIELDS)
        return users, items


class Stream:
    """The segments of a log that `SegmentSplit` has split.

    Users and items are numbered by their arrival in a training row, so that a table grows at its end and the rows of
    those who are known keep their places.

    Parameters
    ----------
    log : the log, with times, users and items.
    split, split_seed : that it was prepared with.
    ranks : whether items are ranked, which takes a positive row in each part of a segment, and no negative one.

    Raises
    ------
    DataError : if the log has no users or no items.

    Examples
    --------
    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.sources.synthetic import Synthetic
    >>> split = SegmentSplit(n=4, own_clock=True)
    >>> stream = Stream(prepare(Synthetic(n_rows=1000), split), split, 0)
    >>> [stream.segment(index).n_rows("train") for index in range(len(stream))]
    [200, 200, 200, 200]
    """

    def __init__(self, log: InteractionLog, split: SegmentSplit, split_seed: int, ranks: bool = False) -> None:
        missing = [side for side in ENTITY_FIELDS if side not in log.entities or side not in log.schema]
        if missing:
            raise DataError(f"{log.meta['name']} has no {missing[0]}s, so no tables follow them; a stream needs both.")
        self.log, self.ranks = log, ranks
        raw = np.argsort(log.column("row"))
        columns = {name: log.column(name)[raw] for name in ("time", *ENTITY_FIELDS)}
        found = split.segmented(len(raw), numpy_generator(split_seed, "split"), **columns)
        self._order = raw[found.order]
        self._segment, self._place = found.segment[found.order], found.place[found.order]
        self._bounds = np.searchsorted(self._segment, np.arange(self._segment[-1] + 2))

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self._bounds) - 1

    def rows(self, index: int, part: int) -> NDArray[np.int64]:
        """Return the rows of a part (an index in `SPLITS`) of a segment, the earliest first, int64, shape [n].

        They are those of the whole prepared log.
        """
        own = slice(self._bounds[index], self._bounds[index + 1])
        return self._order[own][self._place[own] == part]

    def segment(self, index: int, replayed: NDArray[np.int64] | None = None) -> SegmentLog:
        """Return the log of a segment.

        Parameters
        ----------
        index : of the segment, from 0.
        replayed : training rows of earlier segments, as of the whole log, that train again, int64, shape [m].
        """
        own = [self.rows(index, part) for part in range(len(SPLITS))]
        train = own[0] if replayed is None else np.concatenate([replayed, own[0]])
        arrived = {side: self.arrived(index, side) for side in ENTITY_FIELDS}
        before = slice(0, self._bounds[index])
        earlier = [self._order[before][self._place[before] == part] for part in range(len(SPLITS))]
        return SegmentLog(SegmentFiles(self.log._files, [train, *own[1:]], arrived, earlier))

    def n_arrived(self, index: int, side: EntitySide) -> int:
        """Return how many users or items have met a training row by the end of a segment's training part.

        Segments that are `skipped` train nothing, so nobody arrives in them.
        """
        return int(np.searchsorted(self._first_segment[side], index, side="right"))

    def arrived(self, index: int, side: EntitySide) -> NDArray[np.int64]:
        """Return those of `n_arrived`, as rows of the entity table of the whole log, by arrival, int64, shape [n]."""
        return self._arrivals[side][: self.n_arrived(index, side)]

    def skipped(self) -> dict[int, str]:
        """Return the segments that cannot be trained or judged, and why."""
        return self._skipped

    @cached_property
    def _skipped(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for index in range(len(self)):
            for part, name in enumerate(SPLITS):
                labels = self.log.column("label")[self.rows(index, part)]
                if not len(labels):
                    found.setdefault(index, f"it has no {name} row")
                elif not labels.any() or (labels.all() and not self.ranks):
                    found.setdefault(index, f"all labels of its {name} rows are {int(labels[0])}")
        return found

    def judged(self) -> list[int]:
        """Return the segments that are not `skipped`, ascending."""
        skipped = self.skipped()
        return [index for index in range(len(self)) if index not in skipped]

    @cached_property
    def _firsts(self) -> dict[EntitySide, tuple[NDArray[np.int64], NDArray[np.int32]]]:
        """Entities of each side by arrival, and the segment that each arrives in."""
        trained = (self._place == TRAIN) & ~np.isin(self._segment, list(self.skipped()))
        found = {}
        for side in ENTITY_FIELDS:
            entities = self.log.column(side)[self._order[trained]]
            known, first = np.unique(entities, return_index=True)
            by_arrival = np.argsort(first)
            found[side] = known[by_arrival].astype(np.int64), self._segment[trained][first[by_arrival]]
        return found

    @property
    def _arrivals(self) -> dict[EntitySide, NDArray[np.int64]]:
        return {side: entities for side, (entities, _) in self._firsts.items()}

    @property
    def _first_segment(self) -> dict[EntitySide, NDArray[np.int32]]:
        return {side: segment for side, (_, segment) in self._firsts.items()}
