"""Which runs are asked for, and the options in which they differ."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from cadc.configuration.nested import leaves, part
from cadc.configuration.suggestions import nearest_keys
from cadc.errors import UsageError
from cadc.ledger.safe_text import harmless, number, value_text
from cadc.ledger.status import STATUSES, Entry, entries_of
from cadc.ledger.store import Ledger
from cadc.terminal.counted import counted

ALWAYS = ("data", "model")
"""Choices that are always shown."""


def options(entry: Entry) -> dict[str, Any]:
    """Return the choices of a run, and the options of the groups that it uses, by key."""
    config = part(entry.known, "config")
    choices = part(config, "choices")
    uses = entry.known.get("uses")
    used = {"data", *uses} if isinstance(uses, list) and all(isinstance(group, str) for group in uses) else None
    found = leaves({key: value for key, value in config.items() if key != "choices"})
    found = {key: value for key, value in found.items() if not key.endswith("_target_")} | dict(choices)
    if views := part(config, "views"):
        found["views"] = list(views)

    def counts(key: str) -> bool:
        group = key.partition(".")[0].partition("/")[0]
        return used is None or group in used or group not in choices

    return {key: value for key, value in found.items() if counts(key)}


def selected(ledger: Ledger, filters: Sequence[str]) -> list[Entry]:
    """Return the runs of a ledger that match all filters, see `select`.

    Raises
    ------
    UsageError : if the ledger has no runs at all, and as `select` does.
    """
    entries = list(entries_of(ledger))
    if not entries:
        raise UsageError(
            f"there are no runs in {ledger.folder}; `cadc train` makes some, and CADC_RUNS names another folder."
        )
    return select(entries, filters)


def select(entries: Sequence[Entry], filters: Sequence[str]) -> list[Entry]:
    """Return the entries that match all filters.

    Entries with a damaged record are kept, since it is unknown whether they match.

    Parameters
    ----------
    entries : of a ledger.
    filters : statuses, of which one has to match, and `key=value` of configuration keys; `key=a,b` matches either.

    Raises
    ------
    UsageError : for a filter that is neither a status nor a key of any run.
    """
    statuses = [text for text in filters if "=" not in text]
    for status in statuses:
        if status not in STATUSES:
            raise UsageError(f"{status!r} is not a status; choose one of {', '.join(STATUSES)}, or write KEY=VALUE.")
    wanted = [text.partition("=")[::2] for text in filters if "=" in text]
    asked = [(entry, options(entry)) for entry in entries]
    known = {key for _, found in asked for key in found}
    for key, _ in wanted:
        if known and key not in known:
            raise UsageError(f"no run has the key {key!r}; {near_keys(key, known)}")
    return [
        entry
        for entry, found in asked
        if entry.status == "damaged"
        or (
            (not statuses or entry.status in statuses)
            and all(key in found and _is(found[key], text) for key, text in wanted)
        )
    ]


def near_keys(key: str, known: Collection[str]) -> str:
    """Return what to write in place of a key that no run has, as the end of a message.

    Parameters
    ----------
    key : that was given.
    known : keys that runs have.
    """
    near = nearest_keys(key, known)
    return f"did you mean {' or '.join(map(harmless, near))}?" if near else "`cadc ledger show RUN` shows keys."


def _is(value: Any, text: str) -> bool:
    """Return whether a value equals one of the comma-separated values of a filter."""
    if isinstance(value, list):
        return value_text(value) == text.replace(" ", "")
    return any(_is_one(value, choice) for choice in text.split(","))


def _is_one(value: Any, text: str) -> bool:
    if (found := number(value)) is None:
        return value_text(value) == text
    try:
        return found == float(text)
    except ValueError:
        return False


def differing(entries: Sequence[Entry], besides: Collection[str] = ALWAYS) -> list[str]:
    """Return the keys in which runs differ, besides those that are always shown.

    A key that is missing from an older record had its default there, which is not a difference.

    Parameters
    ----------
    entries : the runs.
    besides : keys that are left out.
    """
    values: dict[str, set[str]] = {}
    for entry in entries:
        for key, value in options(entry).items():
            values.setdefault(key, set()).add(value_text(value))
    return [key for key, found in values.items() if len(found) > 1 and key not in besides]


def counts(entries: Sequence[Entry], of: str = "") -> str:
    """Return the number of runs, followed by `of`, and that of each status as text."""
    found = Counter(entry.status for entry in entries)
    parts = [f"{found[status]} {status}" for status in STATUSES if found[status]]
    return f"{counted(f'{len(entries)}{of}', 'run')}{': ' * bool(parts)}{', '.join(parts)}"
