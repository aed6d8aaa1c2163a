"""Seconds of tuning, beside the seconds of the runs of a table."""

from collections.abc import Sequence

import pandas as pd

from cadc.experiment.tune import Tune
from cadc.experiment.tuned import Tuned, nearest
from cadc.ledger.store import Record
from cadc.reporting.columns import value_of
from cadc.reporting.points import Point

COLUMN = "tune_s"


def add_tuning_time(
    table: pd.DataFrame, tuned: Sequence[Tuned], rows: Sequence[Point], tune: Tune | None = None
) -> pd.DataFrame:
    """Return the table with the seconds of the study that chose each row's settings, after those of its runs.

    Empty for arms that were not tuned. Rows that share a study each show its seconds. Where no study's seconds are
    known, the table stays as it is.

    Parameters
    ----------
    table : as `build_table` returns it for these rows.
    tuned : settings of all arms.
    rows : points of the table.
    tune : how the experiment is tuned, for a note on which studies ended by what; None where others tuned for it.
    """
    if not any(found.seconds for found in tuned):
        return table
    seconds = []
    for point in rows:
        record = point.records[0]
        at = {key: value for found in tuned for key in found.at if (value := _text(record, key)) is not None}
        found = nearest(tuned, point.arm, at)
        seconds.append(found.seconds if found is not None and found.seconds else None)
    wide = table.copy()
    note = f"{COLUMN} adds up the runs of a study; on which processors they were timed is not recorded."
    if tune is not None and any(found.ended_by for found in tuned):
        note = f"{note}\n{_ends(tuned, tune)}"
    wide.attrs = table.attrs | {"note": "\n".join([*filter(None, [table.attrs.get("note")]), note])}
    wide.insert(list(wide.columns).index("total_s_mean") + 1, COLUMN, pd.Series(seconds, wide.index, dtype="float64"))
    return wide


def _ends(tuned: Sequence[Tuned], tune: Tune) -> str:
    """Return which studies were ended by what."""
    limit = "" if tune.seconds is None else f", at most {tune.seconds:g} s, whichever came first"
    early = [
        f"{found.arm} ({' '.join(found.at.values())}) by {found.ended_by}, after {found.trials} trials"
        for found in tuned
        if found.ended_by not in ("", "trials")
    ]
    return f"Each study had up to {tune.trials} trials{limit}; ended before its trials: {'; '.join(early) or 'none'}."


def _text(record: Record, key: str) -> str | None:
    """Return the value of a key in the configuration of a run, as an override writes it."""
    is_group = key in record["config"]["choices"]
    value = value_of(record, f"config.choices.{key}" if is_group else f"config.{key}")
    return None if value is None else str(value)
