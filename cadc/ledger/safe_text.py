"""Values of records as text that is safe to print, whatever a damaged or hostile record contains."""

import json
import math
from datetime import UTC, datetime
from typing import Any

from cadc.configuration.override_text import format_value
from cadc.escape import terminal


def harmless(value: Any, length: int = 2000) -> str:
    r"""Return a text on one line: control characters are escaped, and long texts are cut.

    >>> print(harmless("a\x1b[31mb\n"))
    a\x1b[31mb\n
    """
    return terminal(value if isinstance(value, str) else str(value), length)


def dumped(value: Any) -> str:
    """Return a value as JSON, in which control characters are escaped."""
    return json.dumps(value, indent=1)


def number(value: Any) -> float | None:
    """Return a value as float if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def value_text(value: Any) -> str:
    """Return a value as an override writes it, made harmless; whole numbers have no decimals, so that 1.0 equals 1.

    >>> value_text(True), value_text(1.0), value_text([128, 64]), value_text("mf")
    ('true', '1', '[128,64]', 'mf')
    """
    return harmless(format_value(_without_decimals(value)), 200)


def _without_decimals(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_decimals(item) for item in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else value


def moment(text: Any) -> str:
    """Return a time of a record (UTC) to the minute; empty if it is not a time."""
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
    except (TypeError, ValueError):
        return ""


def ago(seconds: float) -> str:
    """Return as text how long ago something was.

    >>> ago(30), ago(7200), ago(3e5)
    ('30 s ago', '2 h ago', '3 days ago')
    """
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def since(timestamp: float) -> str:
    """Return as text how long ago a modification time is."""
    return ago(datetime.now(UTC).timestamp() - timestamp)
