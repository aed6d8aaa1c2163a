"""What tuning took, beside what the runs of a table took."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cadc.experiment.tuned import Tuned, nearest
from cadc.reporting.points import Point

COLUMN = "tune_s"


def add_tuning_time(table: pd.DataFrame, tuned: Sequence[Tuned], rows: Sequence[Point]) -> pd.DataFrame:
    """Return the table with the seconds of the study that chose each row's settings, after those of its runs.

    Empty for arms that were not tuned. Rows that share a study each show its seconds. Where no study's seconds are
    known, the table stays as it is.

    Parameters
    ----------
    table : as `build_table` returns it, of these rows.
    tuned : settings of all arms.
    rows : of the table.
    """
    if not any(found.seconds for found in tuned):
        return table
    seconds = []
    for point in rows:
        config = point.records[0]["config"]
        at = {key: value for found in tuned for key in found.at if (value := _text(config, key)) is not None}
        found = nearest(tuned, point.arm, at)
        seconds.append(found.seconds if found is not None and found.seconds else None)
    wide = table.copy()
    wide.attrs = dict(table.attrs)
    wide.insert(list(wide.columns).index("total_s_mean") + 1, COLUMN, pd.Series(seconds, wide.index, dtype="float64"))
    return wide


def _text(config: Mapping[str, Any], key: str) -> str | None:
    """Return what a configuration says for a key of a word, as the word says it."""
    if key in config["choices"]:
        return str(config["choices"][key])
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return None if node is None else str(node)
