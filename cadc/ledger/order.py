"""The order of listed runs, and which of them are shown."""

from collections.abc import Sequence
from typing import Any

from cadc.configuration.nested import part
from cadc.errors import UsageError
from cadc.ledger.listing import near_keys, options
from cadc.ledger.run_columns import ended_at, metrics_of, seconds_of
from cadc.ledger.safe_text import number
from cadc.ledger.status import Entry

COLUMNS = ("run", "status", "ended", "seconds", "epoch")
"""Columns by which runs can be ordered, besides metrics and keys."""


def in_order(entries: Sequence[Entry], key: str | None = None, reverse: bool = False) -> list[Entry]:
    """Return runs in order: as they ended, those that have not last; or by a column, a metric or a key.

    Metrics come best first, numbers smallest first, texts by the alphabet; runs without a value come last.

    Parameters
    ----------
    entries : the runs.
    key : one of `COLUMNS`, a metric such as `test/auc` or a key such as `sampler.rate`; None for the end of the run.
    reverse : whether the order is turned round; runs without a value stay last.

    Raises
    ------
    UsageError : if no run has that metric or key.
    """
    key = key or "ended"
    found = [(entry, _value(entry, key)) for entry in entries]
    if entries and key not in COLUMNS and all(value is None for _, value in found):
        known = {name for entry in entries for name in (*metrics_of(entry), *options(entry))} | {*COLUMNS}
        raise UsageError(f"no run has {key!r} to sort by; {near_keys(key, known)}")
    best_is_high = "/" in key and _is_higher_better(key)
    sign = -1 if best_is_high else 1
    numbers = sorted((sign * value, entry.run_id, entry) for entry, value in found if isinstance(value, float))
    texts = sorted((value, entry.run_id, entry) for entry, value in found if isinstance(value, str))
    ordered = [entry for *_, entry in (*numbers, *texts)]
    missing = sorted((entry for entry, value in found if value is None), key=lambda entry: entry.run_id)
    return [*(reversed(ordered) if reverse else ordered), *missing]


def limited(entries: Sequence[Entry], key: str | None, limit: int | None) -> list[Entry]:
    """Return at most `limit` runs in order: the first ones by a column, the last ones by their end."""
    if limit is None:
        return list(entries)
    return list(entries[:limit] if key else entries[max(0, len(entries) - limit) :])


def _value(entry: Entry, key: str) -> float | str | None:
    found: Any
    if key == "run":
        return entry.run_id
    if key == "status":
        return entry.status
    if key == "ended":
        return ended_at(entry) or None
    if key == "seconds":
        found = seconds_of(entry)
    elif key == "epoch":
        found = len(entry.progress.epochs) if entry.progress else None
    else:
        found = {**options(entry), **part(entry.known, "metrics"), **metrics_of(entry)}.get(key)
    as_number = number(found)
    return as_number if as_number is not None else None if found is None else str(found)


def _is_higher_better(name: str) -> bool:
    # It loads torch, which a list in another order needs not.
    from cadc.evaluation.metrics.lookup import is_metric, metric

    own = name.partition("/")[2]
    return is_metric(own) and metric(own).higher_is_better
