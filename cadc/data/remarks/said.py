"""Remarks go to standard error, once for each log that a command opens."""

from collections.abc import Mapping
from typing import Any

from cadc.terminal.progress import say

MOST_SAID = 20
_SAID: set[str] = set()


def say_remarks(meta: Mapping[str, Any]) -> None:
    """Print the remarks of a log, unless this command has printed them already.

    Parameters
    ----------
    meta : content of its `meta.json`.
    """
    if meta["content_hash"] in _SAID:
        return
    _SAID.add(meta["content_hash"])
    remarks = remarks_of(meta)
    for remark in remarks[:MOST_SAID]:
        say(f"{meta['name']}: {remark}")
    if len(remarks) > MOST_SAID:
        say(f"{meta['name']}: {len(remarks) - MOST_SAID:,} more remarks; `cadc data describe` shows all")


def remarks_of(meta: Mapping[str, Any]) -> list[str]:
    """Return the remarks of a log, that of its split first."""
    return [*filter(None, [meta.get("split_remark")]), *meta.get("remarks", [])]


def forget_remarks() -> None:
    """Begin a command, which says all remarks anew."""
    _SAID.clear()
