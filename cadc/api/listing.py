"""`cadc.runs`: the ledger as a data frame, and the row that a run has there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.api.carry_out import ledger_of
from cadc.configuration.nested import part
from cadc.configuration.override_text import format_value
from cadc.errors import CadcError
from cadc.ledger.identity import recorded_settings
from cadc.ledger.listing import ALWAYS, differing, options, select
from cadc.ledger.record_schema import check_record
from cadc.ledger.status import Entry, entries_of
from cadc.reporting.contents import content_labels

BEFORE = ("id", "status", "finished_at")
CONTENT = "content"
"""Column of a label of the content that a run read; where all read one, there is none."""
AFTER = ("seconds", "bytes", "reason")
"""Columns of every table, before and after its options and metrics."""


def runs(*filters: str, runs: str | Path | None = None) -> pd.DataFrame:
    """Return the runs of the ledger as a data frame, a row a run, in the order in which they ended.

    Parameters
    ----------
    filters : as `cadc ledger list` takes them: a status, such as `"finished"`, and values of keys, such as
        `"data=ml-1m"` or `"sampler.rate=0.1,1"`.
    runs : folder of the ledger; `$CADC_RUNS`, else `runs`, where none is given.

    Returns
    -------
    table : `id`, `status`, `finished_at`, `data`, `model` and the other keys in which the runs differ, metrics,
        `seconds`, `bytes` of the embedding tables, and `reason` where a run has no result.

    Raises
    ------
    UsageError : for a filter that names neither a status nor a key of any run.

    >>> cadc.runs("finished", "sampler.rate=0.1")  # doctest: +SKIP
    """
    entries = select(list(entries_of(ledger_of(runs))), filters)
    table = table_of(entries, [*ALWAYS, *differing(entries)])
    return table.sort_values(["finished_at", "id"], ignore_index=True)


def table_of(entries: Sequence[Entry], keys: Sequence[str]) -> pd.DataFrame:
    """Return runs as a data frame, a row a run.

    Where runs of one data set read different contents of it, the column `content` tells them apart.

    Parameters
    ----------
    entries : of the runs, as the ledger knows them.
    keys : of the configuration that have a column each.
    """
    labels = content_labels([entry.known for entry in entries if _is_readable(entry)])
    keys = [*keys, *([CONTENT] if labels else [])]
    metrics = list(dict.fromkeys(name for entry in entries for name in part(entry.known, "metrics")))
    table = pd.DataFrame(
        [_row(entry, keys) | ({CONTENT: labels.get(entry.run_id)} if labels else {}) for entry in entries],
        columns=[*BEFORE, *keys, *metrics, *AFTER],
    )
    table["finished_at"] = pd.to_datetime(table["finished_at"], utc=True, errors="coerce", format="ISO8601")
    return table.astype(dict.fromkeys(["seconds", *metrics], "float64") | {"bytes": "Int64"})


def _is_readable(entry: Entry) -> bool:
    """Tell whether the record of a finished run says what it read."""
    if entry.status != "finished":
        return False
    try:
        check_record(entry.known, entry.run_id)
        recorded_settings(entry.known)
    except CadcError:
        return False
    return True


def _row(entry: Entry, keys: Sequence[str]) -> dict[str, Any]:
    known, found = entry.known, options(entry)
    return {
        "id": entry.run_id,
        "status": entry.status,
        "finished_at": known.get("finished_at", known.get("ended_at")),
        **{key: _plain(found.get(key)) for key in keys},
        **part(known, "metrics"),
        "seconds": part(known, "cost").get("total_s"),
        "bytes": part(known, "bytes").get("embedding"),
        "reason": entry.fault or known.get("reason", ""),
    }


def _plain(value: Any) -> Any:
    """Return a list, such as widths of layers, as a text, so that runs can be grouped by it."""
    return format_value(value) if isinstance(value, list | dict) else value
