"""Example rows for `cadc predict`: rows that a run was trained on, in the raw values that new rows have."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cadc.data.column_block import Block
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN
from cadc.data.transform.curve import Curve

LOOKED_AT = 100_000
"""First training rows among which examples are chosen."""


def example_rows(log: InteractionLog, own_names: Mapping[str, str], reads_times: bool, n: int = 5) -> Block:
    """Return training rows that are known in all columns, under the names of the log's own file.

    Dense values are numbers that come out as the log's own; what its transform rounds or cuts off is lost.

    Parameters
    ----------
    log : the log of the run.
    own_names : name that the log's own file gives to users, items and times, see `Source.own_names`.
    reads_times : whether the model reads times.
    n : number of rows at most.
    """
    looked_at = slice(0, min(LOOKED_AT, log.n_rows("train")))
    context = [field.name for field in log.schema.of("context", bag=False)]
    ids = log.column("context_ids", "train")[looked_at] if context else np.ones((looked_at.stop, 1))
    known = np.flatnonzero((ids[:, : max(1, len(context))] != UNKNOWN).all(axis=1))
    rows = known[np.linspace(0, len(known) - 1, min(n, len(known))).astype(np.int64)]
    values: dict[str, NDArray[np.generic]] = {
        side: log.entity_keys(side)[log.column(side, "train")[rows] - 1] for side in log.entities
    }
    values |= {name: log.vocabulary(name)[ids[rows, place] - 1] for place, name in enumerate(context)}
    if log.schema.dense:
        dense = log.column("dense", "train")[rows].astype(np.float64)
        curves = zip(log.schema.dense, log.transform.curves, strict=True)
        values |= {name: _raw(curve, dense[:, place]) for place, (name, curve) in enumerate(curves)}
    if reads_times:
        values["time"] = log.column("time", "train")[rows] / log.ticks_per_second
        if log.ticks_per_second == 1:
            values["time"] = values["time"].astype(np.int64)
    return Block("example", 0, {own_names.get(name, name): pa.array(found) for name, found in values.items()})


def _raw(curve: Curve, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return raw values that a curve maps to these inputs, float64, shape [n]."""
    if curve.knots:
        z = np.interp(inputs, np.array(curve.scores), np.array(curve.knots))
    else:
        z = inputs * curve.scale + curve.centre
    return np.sign(z) * np.expm1(np.abs(z)) if curve.log else z
