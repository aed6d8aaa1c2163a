"""What each segment of a stream holds: its rows, and the users and items that it brings."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.data.split.split import SPLITS
from cadc.data.streams.stream import Stream


class SegmentFacts(NamedTuple):
    """One segment.

    Parameters
    ----------
    rows : number of rows of each part.
    new : of each side, users or items that arrive in its training rows.
    cold_share : share of its test rows whose user or item has not arrived by then; NaN without test rows.
    left_out : why it cannot be trained or judged; None if it can.
    """

    rows: Mapping[str, int]
    new: Mapping[EntitySide, int]
    cold_share: float
    left_out: str | None


def segment_facts(stream: Stream) -> list[SegmentFacts]:
    """Return what each segment of a stream holds, in their order.

    Examples
    --------
    >>> from cadc.data.prepare import prepare
    >>> from cadc.data.sources.generated.drifting import Drifting
    >>> from cadc.data.split.segments import SegmentSplit
    >>> split = SegmentSplit(n=2)
    >>> [own.rows for own in segment_facts(Stream(prepare(Drifting(n_rows=1000), split), split, 0))]
    [{'train': 400, 'validation': 50, 'test': 50}, {'train': 400, 'validation': 50, 'test': 50}]
    """
    found = []
    before = dict.fromkeys(ENTITY_FIELDS, 0)
    test = SPLITS.index("test")
    columns = {side: stream.log.column(side) for side in ENTITY_FIELDS}
    for index in range(len(stream)):
        arrived = {side: stream.n_arrived(index, side) for side in ENTITY_FIELDS}
        rows = stream.rows(index, test)
        is_cold = np.zeros(len(rows), bool)
        for side in ENTITY_FIELDS:
            is_cold |= ~np.isin(columns[side][rows], stream.arrived(index, side))
        found.append(
            SegmentFacts(
                {name: len(stream.rows(index, part)) for part, name in enumerate(SPLITS)},
                {side: arrived[side] - before[side] for side in ENTITY_FIELDS},
                float(is_cold.mean()) if len(rows) else float("nan"),
                stream.skipped().get(index),
            )
        )
        before = arrived
    return found
