"""The columns in which runs are listed: how each stands, its metrics, and in what the runs differ."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cadc.configuration.nested import part
from cadc.evaluation.prefixes import TEST, VALIDATION
from cadc.ledger.listing import ALWAYS, differing, options
from cadc.ledger.safe_text import harmless, moment, number, value_text
from cadc.ledger.status import Entry
from cadc.terminal.aligned import Column

SHORTEST_ID = 8
"""Fewest characters to which an id is shortened."""

WEIGHTS = {TEST: (80, 60), VALIDATION: (78, 45)}
"""Weights of the first metrics of a part, by its prefix; those of all others are less than any column's."""

NARROWEST = 28
"""Characters to which options and remarks may be cut."""


def run_columns(entries: Sequence[Entry], ids: Sequence[str] = ()) -> list[Column]:
    """Return the columns of a list of runs; those that no run has a value for are empty.

    Parameters
    ----------
    entries : the runs.
    ids : of all runs of the ledger, among which the shown beginnings are unique; none leaves ids whole.
    """
    apart = differing(entries, besides=())
    # What all listed runs agree in comes last, where a narrow terminal cuts.
    shown = dict.fromkeys([*(key for key in ALWAYS if key in apart), *apart, *ALWAYS])
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
                _weight(name, names),
            )
            for name in names
        ),
        *(Column(head, cells, False, weight, NARROWEST) for head, (cells, weight) in texts.items()),
        column("process", lambda entry: entry.state if entry.status == "running" else "", weight=20),
    ]


def _weight(name: str, names: Sequence[str]) -> int:
    """Return the weight of a metric's column; its place among those of its part counts."""
    prefix = next((prefix for prefix in WEIGHTS if name.startswith(prefix)), "")
    place = [other for other in names if other.startswith(prefix)].index(name)
    leading = WEIGHTS.get(prefix, ())
    return leading[place] if place < len(leading) else 10 - place


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


def _options(entry: Entry, keys: Iterable[str]) -> str:
    found = options(entry)
    return " ".join(f"{harmless(key, 80)}={value_text(found[key])}" for key in keys if key in found)


def _remark(entry: Entry) -> str:
    """Return what is wrong with a run, why it failed, or when somebody last worked on it."""
    if entry.fault:
        return entry.fault
    reason = harmless(entry.known["reason"], 160) if "reason" in entry.known else ""
    return ", ".join(filter(None, [reason, entry.state if entry.status != "running" else ""]))
