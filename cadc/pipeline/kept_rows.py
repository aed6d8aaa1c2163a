"""The rows that a stream keeps to replay them: which stay after a segment, and whether there is room for them."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.data.split.segments import TRAIN
from cadc.data.streams import Stream
from cadc.errors import UsageError
from cadc.pipeline.segment_row import linear_terms
from cadc.pipeline.settings import Settings
from cadc.randomness import numpy_generator
from cadc.streams.bytes_held import ROW_BYTES
from cadc.streams.protocol import Protocol
from cadc.streams.reservoir import Reservoir


def keep_rows(
    settings: Settings,
    protocol: Protocol,
    stream: Stream,
    index: int,
    reservoir: Reservoir,
    counts: Mapping[EntitySide, Tensor],
) -> None:
    """Offer the training rows of a segment to the reservoir.

    Parameters
    ----------
    settings, protocol, stream : of the run.
    index : of the segment.
    reservoir : rows of earlier segments.
    counts : training rows of each id so far, by side.
    """
    own, seed = stream.rows(index, TRAIN), settings.seeds.sample

    def keys(rows: NDArray[np.int64], draws: NDArray[np.float64]) -> NDArray[np.floating]:
        assert settings.sampler is not None
        log = stream.segment(index, rows[: len(rows) - len(own)])
        so_far = np.concatenate([stream.rows(before, TRAIN) for before in stream.judged() if before <= index])
        labels = torch.from_numpy(stream.log.column("label")[so_far] > 0.5).long()
        shown: dict[str, Tensor] = {"label": torch.bincount(labels, minlength=2)}
        shown.update({str(side): own for side, own in counts.items()})
        return settings.sampler.build().reservoir_keys(log, draws, shown, numpy_generator(seed, "reservoir"))

    generator = numpy_generator(seed, f"reservoir {index}")
    reservoir.add(own, generator, keys if protocol.keep == "sampler" else None)


def require_room(settings: Settings, protocol: Protocol, stream: Stream) -> None:
    """Check that the budget holds all segments, before the first of them trains.

    Parameters
    ----------
    settings, protocol, stream : of the run.

    Raises
    ------
    UsageError : for a budget that some segment breaks, which names that segment and a budget that holds all; and for a
        reservoir of more rows than the stream trains.
    """
    judged = stream.judged()
    n_trained = np.cumsum([len(stream.rows(index, TRAIN)) for index in judged])
    if protocol.reservoir is not None and judged and protocol.reservoir > n_trained[-1]:
        raise UsageError(
            f"stream.reservoir is {protocol.reservoir}, more than the {n_trained[-1]} rows that the segments of "
            f"{stream.log.meta['name']} train; lower it, or set it to null, which keeps all."
        )
    rows = [{side: range(stream.n_arrived(index, side) + 1) for side in ENTITY_FIELDS} for index in judged]
    n_rows, n_terms = [sum(map(len, own.values())) for own in rows], [linear_terms(settings, own) for own in rows]
    for index, n, terms, trained in zip(judged, n_rows, n_terms, n_trained, strict=True):
        n_kept = int(trained) if protocol.most_rows is None else min(protocol.most_rows, int(trained))
        try:
            protocol.numbers(index, n, terms, n_kept)
        except UsageError as error:
            if protocol.budget is None:
                raise
            enough = _enough(protocol, max(map(protocol.smallest, n_rows, n_terms)), int(n_trained[-1]))
            raise UsageError(f"{error} {enough} bytes hold all {len(judged)} segments.") from error


def _enough(protocol: Protocol, of_tables: int, n_trained: int) -> int:
    """Return a budget that holds the least that tables take and the rows that may be kept beside, in bytes."""
    if protocol.rows_share is None:
        return of_tables
    most = n_trained if protocol.reservoir is None else min(protocol.reservoir, n_trained)
    return min(math.ceil(of_tables / (1 - protocol.rows_share)), of_tables + ROW_BYTES * most)
