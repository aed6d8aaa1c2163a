"""Comparison of two streams by the mean of a metric over their segments, from their records."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from cadc.errors import DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import without_prefix
from cadc.evaluation.statistics.segments import segment_interval
from cadc.evaluation.statistics.verdict import EQUAL
from cadc.experiment import Reference
from cadc.ledger.store import Record
from cadc.reporting.columns import by_segment

Pair: TypeAlias = tuple[Record, Record]


def compared_by_segment(reference: Reference, both: Sequence[Pair]) -> dict[str, Any]:
    """Return what a line of a comparison says of the mean difference over segments and seeds.

    Parameters
    ----------
    reference : whose metric begins with `segments/`.
    both : records of the arm and of the reference, a pair for each seed.

    Raises
    ------
    DataError : where records lack the metric of a segment, or have other segments than one another.
    """
    name = without_prefix(reference.metric)
    runs = [[by_segment(record, name) for record in pair] for pair in both]
    segments = list(runs[0][0])
    for pair, found in zip(both, runs, strict=True):
        for record, own in zip(pair, found, strict=True):
            n_segments = len(record.get("segments", ()))
            if not own or len(own) != n_segments:
                raise DataError(
                    f"run {record['id']} records {name} of {len(own)} of {n_segments} segments, so it cannot be "
                    f"compared with {reference} by {reference.metric}; choose a metric that streams record."
                )
            if list(own) != segments:
                raise DataError(
                    f"run {record['id']} has other segments than run {both[0][0]['id']}, so they cannot be compared "
                    f"by {reference.metric}; compare runs on one split."
                )
    mine, theirs = (np.array([list(pair[side].values()) for pair in runs]) for side in (0, 1))
    interval = segment_interval(mine - theirs)
    sign = 1 if metric(name).higher_is_better else -1
    return {
        "seeds": interval.n_seeds,
        "unit": "segment",
        "n_units": len(segments),
        "difference": interval.estimate,
        "standard_error": interval.standard_error,
        "degrees_of_freedom": interval.degrees_of_freedom,
        "low_95": interval.low,
        "high_95": interval.high,
        "verdict": EQUAL if np.array_equal(mine, theirs) else None,
        "p": interval.p_two_sided(),
        "p_margin": interval.p_above(-reference.margin, sign),
    }
