"""What an examination found: whether it is in order, and what to do where it is not."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

WIDTH = 80
"""Characters of a line, where the terminal has as many."""


@dataclass(frozen=True)
class Finding:
    """A fact about this machine or the run that was asked for.

    Parameters
    ----------
    topic : what was examined, in a word.
    state : `ok`; `note` for what a run works with all the same; `wrong` for what will stop one, or spoil its numbers.
    text : what was found, and what was expected where it is not in order.
    advice : what to do; empty where nothing is to be done.
    """

    topic: str
    state: Literal["ok", "note", "wrong"]
    text: str
    advice: str = ""

    def lines(self, width: int = WIDTH) -> Iterator[str]:
        r"""Yield the finding as lines of text.

        >>> print(*Finding("denormals", "note", "they are computed with", "use another torch").lines(), sep="\n")
        denormals  note   they are computed with
                          -> use another torch
        """
        head = f"{self.topic:<11}{self.state:<7}"
        indent = " " * len(head)
        wrap = partial(textwrap.wrap, width=width, break_on_hyphens=False)
        yield from wrap(self.text, initial_indent=head, subsequent_indent=indent)
        if self.advice:
            first, rest = f"{indent}-> ", f"{indent}   "
            yield from wrap(self.advice, initial_indent=first, subsequent_indent=rest)
