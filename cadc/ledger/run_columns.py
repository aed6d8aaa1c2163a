"""The columns in which runs are listed: how each stands, its metrics, and in what the runs differ."""

from collections.abc import Callable, Sequence
from typing import Any

from cadc.configuration.nested import part
from cadc.evaluation.prefixes import TEST
from cadc.ledger.listing import ALWAYS, differing, options
from cadc.ledger.safe_text import harmless, moment, number, value_text
from cadc.ledger.status import Entry
from cadc.terminal.aligned import Column

SHORTEST_ID = 8
"""Fewest characters to which an id is shortened."""

LEADING = 2
"""Number of metrics that are kept on a narrow terminal as long as their runs' options."""


def run_columns(entries: Sequence[Entry], ids: Sequence[str] = ()) -> list[Column]:
    """Return the columns of a list of runs; those that no run has a value for are empty.

    Parameters
    ----------
    entries : the runs.
    ids : of all runs of the ledger, among which the shown beginnings are unique; none leaves ids whole.
    """
    shown = (*ALWAYS, *differing(entries))
    length = unique_length(ids)
    names = list(dict.fromkeys(name for entry in entries for name in metrics_of(entry)))

    def column(head: str, cell: Callable[[Entry], str], is_number: bool = False, weight: int = 0) -> Column:
        return Column(head, [cell(entry) for entry in entries], is_number, weight)

    texts = {
        "options": ([_options(entry, shown) for entry in entries], 65),
        "remark": ([_remark(entry) for entry in entries], 75),
    }
    return [
        column("run", lambda entry: harmless(entry.run_id, 80)[:length], weight=100),
        column("status", lambda entry: entry.status, weight=90),
        column("ended", lambda entry: moment(ended_at(entry)), weight=40),
        column("seconds", lambda entry: _shown(seconds_of(entry), 1), True, 50),
        column("epoch", lambda entry: entry.progress.epoch if entry.progress else "", True, 70),
        column("stage", _stage, weight=55),
        *(
            Column(
                harmless(name, 40),
                [_shown(metrics_of(entry).get(name), 4) for entry in entries],
                True,
                (80, 60)[place] if place < LEADING else 30 - place,
            )
            for place, name in enumerate(names)
        ),
        *(Column(head, cells, False, weight, 18) for head, (cells, weight) in texts.items()),
    ]


def unique_length(ids: Sequence[str]) -> int | None:
    """Return how many first characters tell all ids apart, at least `SHORTEST_ID`; None leaves them whole.

    >>> unique_length(["0123456789ab", "0123456789cd"]), unique_length([])
    (11, None)
    """
    if not ids:
        return None
    length = SHORTEST_ID
    while len({run_id[:length] for run_id in ids}) < len(set(ids)):
        length += 1
    return length


def ended_at(entry: Entry) -> str:
    """Return when a run ended, as its record says; empty if it has not."""
    return next((text for key in ("finished_at", "ended_at") if isinstance(text := entry.known.get(key), str)), "")


def seconds_of(entry: Entry) -> float | None:
    """Return the seconds that a run took, or has taken so far; None if they are not known."""
    if entry.progress is not None:
        return entry.progress.elapsed(entry.status == "running")
    return number(part(entry.known, "cost").get("total_s"))


def metrics_of(entry: Entry) -> dict[str, Any]:
    """Return the test metrics of a run, all if it has none; of an unfinished run those of its last epoch."""
    if entry.progress is not None:
        return entry.progress.metrics
    found = part(entry.known, "metrics")
    return {name: value for name, value in found.items() if name.startswith(TEST)} or dict(found)


def _shown(value: Any, digits: int) -> str:
    if value is None:
        return ""
    found = number(value)
    return "?" if found is None else f"{found:.{digits}f}"


def _stage(entry: Entry) -> str:
    if entry.progress is None:
        return ""
    share = entry.progress.share
    done = f" {100 * share:.0f} %" if share is not None and entry.progress.stage == "training" else ""
    return harmless(entry.progress.stage, 40) + done


def _options(entry: Entry, keys: Sequence[str]) -> str:
    found = options(entry)
    return " ".join(f"{harmless(key, 80)}={value_text(found[key])}" for key in keys if key in found)


def _remark(entry: Entry) -> str:
    """Return what is wrong with a run, why it failed, or who works on it."""
    if entry.fault:
        return entry.fault
    reason = harmless(entry.known["reason"], 160) if "reason" in entry.known else ""
    return ", ".join(filter(None, [reason, entry.state]))
