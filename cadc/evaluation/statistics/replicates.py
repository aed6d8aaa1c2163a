"""A metric of several runs for the same draws of users; values of each run are kept for the next comparison."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.evaluation.metrics.metric import Metric
from cadc.evaluation.statistics.multiplicities import multiplicities

Memory: TypeAlias = dict[tuple[Any, ...], NDArray[np.float64]]
"""Values of runs, by the attribute `run` of their rows (`rows.attrs`); values of rows without it are not kept."""


def replicates(
    runs: Sequence[pd.DataFrame],
    units: Sequence[NDArray[np.integer]],
    names: Any,
    metric: Metric,
    n_replicates: int,
    generator: np.random.Generator | None = None,
    memory: Memory | None = None,
) -> NDArray[np.float64]:
    """Return a metric of every run, observed and for each draw of users; all runs share the draws.

    Parameters
    ----------
    runs : saved rows of each run.
    units : for every run, the number of each row's user, or of the row where there are no users.
    names : names of the units, in the order of their numbers.
    metric : the metric.
    n_replicates : number of draws.
    generator : random generator of the draws; None takes one seeded with 0. Values are kept for that one only.
    memory : earlier values; None keeps none.

    Returns
    -------
    value : float64, shape [1 + n_replicates, n_runs], the observed value first; NaN where it is undefined.
    """
    keep = memory if memory is not None and generator is None else {}
    same = (metric.name, n_replicates, hash(tuple(names)))
    keys = [(rows.attrs.get("run", number), len(rows), *same) for number, rows in enumerate(runs)]
    missing = {key: number for number, key in enumerate(keys) if "run" not in runs[number].attrs or key not in keep}
    found: Memory = {}
    if missing:
        resampled = [metric.resample(runs[number], units[number], len(names)) for number in missing.values()]
        draws = multiplicities(len(names), n_replicates, generator or np.random.default_rng(0))
        blocks = [np.ones((1, len(names)), np.int32), *([] if n_replicates == 0 else draws)]
        found = dict(zip(missing, _columns(resampled, blocks), strict=True))
        keep |= {key: column for key, column in found.items() if "run" in runs[missing[key]].attrs}
    return np.stack([found[key] if key in found else keep[key] for key in keys], axis=1)


def _columns(resampled: Sequence[Any], blocks: Any) -> list[NDArray[np.float64]]:
    return list(np.concatenate([np.stack([value(block) for value in resampled]) for block in blocks], axis=1))
