"""The runs of a ledger as the data frame of a plot: a column for the key, metric, cost or byte count of each axis."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cadc.api.listing import table_of
from cadc.api.plot import SEEDS, shown_value
from cadc.configuration.suggestions import nearest
from cadc.errors import UsageError, shown
from cadc.evaluation.metrics.lookup import known_forms
from cadc.evaluation.prefixes import PREFIX
from cadc.experiment.columns import PLACES, is_metric_column
from cadc.ledger.listing import ALWAYS, differing, options, selected
from cadc.ledger.status import Entry
from cadc.ledger.store import Ledger
from cadc.reporting.columns import evaluated_on
from cadc.reporting.metric_values import MetricValues
from cadc.reporting.saved import SavedRows
from cadc.reporting.sweeps.runs_table import records_of

UNITS = {"_s": "s", "_bytes": "bytes", "_mb": "MB", "_ns": "ns"}


def plotted(
    ledger: Ledger, x: str, y: str, by: Sequence[str] | None, facet: str | None, filters: Sequence[str]
) -> tuple[pd.DataFrame, str]:
    """Return finished runs as a data frame that has the columns of a plot, and the column of y in it.

    Of several runs of one configuration one counts, see `records_of`.

    Parameters
    ----------
    ledger : its runs.
    x, y, by, facet : a key of the configuration, a metric (`auc`, `val/logloss`), a cost or byte count of
        `cadc.experiment.columns`, or keys of the record joined by dots.
    filters : as `cadc ledger list` takes them.

    Raises
    ------
    UsageError : where no run that matches is finished, for a name that no run has, a `y` without numbers, or an `x`
        that is the same in all runs.
    """
    entries = [entry for entry in selected(ledger, filters) if entry.status == "finished"]
    if not entries:
        which = f" that match {' '.join(filters)}" if filters else ""
        raise UsageError(f"{ledger.folder} has no finished runs{which}; `cadc ledger list` shows what there is.")
    counting = {record["id"]: record for record in records_of(entries)}
    entries = [entry for entry in entries if entry.run_id in counting]
    values = MetricValues(SavedRows(ledger))
    frame = table_of(entries, [*ALWAYS, *differing(entries)])
    part = evaluated_on(next(iter(counting.values())))
    column = f"{PREFIX[part]}{y}" if is_metric_column(y) and "/" not in y else y
    names = {x: x, column: y, **{name: name for name in by or ()}, **({facet: facet} if facet else {})}
    for name, asked in names.items():
        frame[name] = [_value(entry, asked, values) for entry in entries]
        if frame[name].isna().all():
            raise _unknown(asked, entries)
    if not all(isinstance(value, int | float) for value in frame[column].dropna()):
        raise UsageError(f"y={y} holds {shown(frame[column].dropna().iloc[0])}, which is not a number.")
    frame[column] = frame[column].astype(float)
    if len(frame[x].dropna().unique()) < 2:
        others = [name for name in differing(entries) if name not in SEEDS and name != x]
        instead = f"they differ in {', '.join(others[:8])}" if others else "they differ in seeds alone"
        raise UsageError(
            f"{x} is {shown_value(frame[x].dropna().iloc[0])} in all {len(entries)} runs, so nothing can be drawn "
            f"against it; {instead}."
        )
    unit = next((unit for end, unit in UNITS.items() if y in PLACES and y.endswith(end)), None)
    if unit is not None:
        frame, column = frame.rename(columns={column: f"{y} ({unit})"}), f"{y} ({unit})"
    return frame, column


def _value(entry: Entry, name: str, values: MetricValues) -> Any:
    """Return what a run has under a name: a key of its configuration, or a metric, a cost or a place of its record."""
    found = options(entry)
    value = found[name] if name in found else values(entry.known, name.removeprefix(PREFIX["test"]))
    return str(value) if isinstance(value, list | dict) else value


def _unknown(name: str, entries: Sequence[Entry]) -> UsageError:
    """Return the error of a name that no run has a value for."""
    if is_metric_column(name.removeprefix(PREFIX["test"])):
        return UsageError(
            f"no run has the metric {name}, and none keeps the scores to compute it from; `cadc ledger show RUN` lists "
            "what a run has."
        )
    keys = dict.fromkeys(key for entry in entries for key in options(entry))
    known = [*keys, *known_forms(), *PLACES]
    near = nearest(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else "`cadc ledger show RUN` lists all of them."
    return UsageError(f"no run has {shown(name)}, as a key, metric, cost or byte count; {hint}")
