"""The runs of a ledger, a line each, with what tells them apart."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from cadc.errors import UsageError
from cadc.evaluation.prefixes import TEST
from cadc.ledger.nested import leaves, part
from cadc.ledger.safe_text import harmless, moment, number, word
from cadc.ledger.status import STATUSES, Entry

ALWAYS = ("data", "model")
"""Choices that are shown even where all runs agree in them."""


def options(entry: Entry) -> dict[str, Any]:
    """Return what a run was asked for: its choices, and the options of the groups that it uses."""
    config = part(entry.known, "config")
    choices = part(config, "choices")
    uses = entry.known.get("uses")
    used = {"data", *uses} if isinstance(uses, list) and all(isinstance(group, str) for group in uses) else None
    found = leaves({key: value for key, value in config.items() if key != "choices"})
    found = {key: value for key, value in found.items() if not key.endswith("_target_")} | dict(choices)

    def counts(key: str) -> bool:
        group = key.partition(".")[0].partition("/")[0]
        return used is None or group in used or group not in choices

    return {key: value for key, value in found.items() if counts(key)}


def select(entries: Sequence[Entry], words: Sequence[str]) -> list[Entry]:
    """Return the entries that words ask for: statuses, and values of configuration keys.

    Damaged records stay, since nobody knows what they were.

    Raises
    ------
    UsageError : for a word that is no status and no key of any run.
    """
    statuses = [text for text in words if "=" not in text]
    for status in statuses:
        if status not in STATUSES:
            raise UsageError(f"{status!r} is no status; choose of {', '.join(STATUSES)}, or write KEY=VALUE.")
    wanted = [text.partition("=")[::2] for text in words if "=" in text]
    asked = [(entry, options(entry)) for entry in entries]
    known = {key for _, found in asked for key in found}
    for key, _ in wanted:
        if known and key not in known:
            near = get_close_matches(key, known, n=3)
            hint = f"did you mean {' or '.join(map(harmless, near))}?" if near else "`cadc ledger show RUN` shows keys."
            raise UsageError(f"no run has the key {key!r}; {hint}")
    return [
        entry
        for entry, found in asked
        if entry.status == "damaged"
        or (
            (not statuses or entry.status in statuses)
            and all(key in found and _is(found[key], text) for key, text in wanted)
        )
    ]


def _is(value: Any, text: str) -> bool:
    """Tell whether a value is what a word gives, or one of several with commas between."""
    if isinstance(value, list):
        return word(value) == text.replace(" ", "")
    return any(_is_one(value, choice) for choice in text.split(","))


def _is_one(value: Any, text: str) -> bool:
    if (found := number(value)) is None:
        return word(value) == text
    try:
        return found == float(text)
    except ValueError:
        return False


def differing(entries: Sequence[Entry]) -> list[str]:
    """Return the keys in which runs differ, besides those that are always shown.

    A key that older records lack had its default there, so lacking it is no difference.
    """
    values: dict[str, set[str]] = {}
    for entry in entries:
        for key, value in options(entry).items():
            values.setdefault(key, set()).add(word(value))
    return [key for key, found in values.items() if len(found) > 1 and key not in ALWAYS]


def lines(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield a line a run: id, status, when it ended, seconds, metrics, what tells it apart, what is the matter."""
    shown = (*ALWAYS, *differing(entries))
    for entry in sorted(entries, key=_ended):
        beginning = f"{harmless(entry.run_id, 80):16}  {entry.status:11}"
        if entry.fault:
            yield f"{beginning}  {entry.fault}"
            continue
        seconds = number(part(entry.known, "cost").get("total_s"))
        found = options(entry)
        cells = [
            beginning,
            f"{moment(_ended(entry)[1]):16}",
            f"{seconds:9.1f} s" if seconds is not None else " " * 11,
            metrics(entry),
            " ".join(f"{harmless(key, 80)}={word(found[key])}" for key in shown if key in found),
            entry.state,
            harmless(entry.known["reason"], 160) if "reason" in entry.known else "",
        ]
        yield "  ".join(cell for cell in cells if cell).rstrip()


def _ended(entry: Entry) -> tuple[bool, str, str]:
    """Return what sorts runs by the time they ended, those that did not last."""
    ended = next((text for key in ("finished_at", "ended_at") if isinstance(text := entry.known.get(key), str)), "")
    return not ended, ended, entry.run_id


def metrics(entry: Entry) -> str:
    """Return the test metrics of a run in words; all of them where there are none of the test."""
    found = part(entry.known, "metrics")
    shown = {name: value for name, value in found.items() if name.startswith(TEST)} or found
    return " ".join(f"{harmless(name, 40)} {_decimals(value)}" for name, value in shown.items())


def _decimals(value: Any) -> str:
    found = number(value)
    return "?" if found is None else f"{found:.4f}"


def counts(entries: Sequence[Entry]) -> str:
    """Return how many runs there are of each status."""
    found = Counter(entry.status for entry in entries)
    words = [f"{found[status]} {status}" for status in STATUSES if found[status]]
    return f"{len(entries)} run{'s' * (len(entries) != 1)}{': ' * bool(words)}{', '.join(words)}"
