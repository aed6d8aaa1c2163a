"""How wide texts are when they are drawn, and how they are broken into lines that fit."""

import re
import warnings
from functools import lru_cache

from matplotlib.textpath import TextPath

POINTS = 72.0
"""Points of an inch."""
LINE = 1.25
"""Height of a line of text, in sizes of its font."""


@lru_cache(maxsize=4096)
def width_of(text: str, size: float) -> float:
    """Return how wide a text on one line is, in inches.

    Parameters
    ----------
    text : as `cadc.escape.figure` returns it.
    size : of the font in points.
    """
    if not text.strip():
        return len(text) * size / (3 * POINTS)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        return float(TextPath((0, 0), text, size=size).get_extents().x1) / POINTS


def height_of(n_lines: int, size: float) -> float:
    """Return the height of some lines of text, in inches."""
    return n_lines * LINE * size / POINTS


def wrapped(text: str, width: float, size: float, most: int = 3) -> str:
    r"""Return a text on as many lines as it needs to be no wider than `width` inches; the rest of a long one is `…`.

    Lines are broken at spaces, and within a word that is wider than a line: after an underscore, where that is enough.

    Parameters
    ----------
    text : as `cadc.escape.figure` returns it.
    width : of a line in inches.
    size : of the font in points.
    most : lines at most.

    >>> wrapped("residual of the complement", 1.0, 8)
    'residual of the\ncomplement'
    >>> wrapped("search_random", 0.7, 8)
    'search_\nrandom'
    """
    if width_of(text, size) <= width:
        return text
    lines = [""]
    for word in _parts(text, width, size):
        if width_of(lines[-1] + word.rstrip(), size) <= width:
            lines[-1] += word
            continue
        lines += [""] if lines[-1] else []
        # An escaped dollar is one letter; apart, its half would begin a formula.
        for letter in re.findall(r"\\\$|.", word):
            if width_of(lines[-1] + letter.rstrip(), size) > width:
                lines.append("")
            lines[-1] += letter
    lines = [line.rstrip() for line in lines if line.strip()]
    if len(lines) <= most:
        return "\n".join(lines)
    last = re.findall(r"\\\$|.", lines[most - 1])
    while last and width_of("".join(last) + "…", size) > width:
        last.pop()
    return "\n".join([*lines[: most - 1], "".join(last) + "…"])


def _parts(text: str, width: float, size: float) -> list[str]:
    """Return the words of a text, each with the space after it, and of those wider than a line what underscores end."""
    words = re.split("(?<= )", text)
    return [
        part
        for word in words
        for part in ([word] if width_of(word.rstrip(), size) <= width else re.split("(?<=_)", word))
    ]
