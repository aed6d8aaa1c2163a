"""Values of records as text that is harmless to look at, whatever a damaged or hostile record holds."""

import json
import math
from datetime import UTC, datetime
from typing import Any


def harmless(value: Any, length: int = 2000) -> str:
    r"""Return a text for one line: what a terminal would act on stands there escaped, and what is long is cut.

    >>> print(harmless("a\x1b[31mb\n"))
    a\x1b[31mb\n
    """
    text = value if isinstance(value, str) else str(value)
    rest = f"… ({len(text)} characters)" if len(text) > length else ""
    shown = text[:length]
    if not shown.isprintable():
        shown = "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in shown)
    return shown + rest


def dumped(value: Any) -> str:
    """Return a value as JSON, in which all that a terminal would act on is escaped."""
    return json.dumps(value, indent=1)


def number(value: Any) -> float | None:
    """Return a value as float if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def word(value: Any) -> str:
    """Return a value as a configuration writes it.

    >>> word(True), word(None), word(0.1), word(1.0), word([128, 64]), word("mf")
    ('true', 'null', '0.1', '1', '[128,64]', 'mf')
    """
    if isinstance(value, list):
        return f"[{','.join(word(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return "null" if value is None else harmless(value, 200)


def moment(text: Any) -> str:
    """Return a time of a record, which is UTC, to the minute; empty where it is none."""
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
    except (TypeError, ValueError):
        return ""


def ago(seconds: float) -> str:
    """Return how long ago something was.

    >>> ago(30), ago(7200), ago(3e5)
    ('30 s ago', '2 h ago', '3 days ago')
    """
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def since(timestamp: float) -> str:
    """Return how long ago a modification time is."""
    return ago(datetime.now(UTC).timestamp() - timestamp)
