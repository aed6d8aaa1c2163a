"""A case: the same work done by cadc, by others, and as far as the machine allows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

OURS = "cadc"
"""Name of the work that other versions of cadc are alternated with, and that all others are compared with."""
LIMIT = "limit: "
"""Beginning of the name of work that any way of doing the same has to do, such as the matrix products of a step."""
REPEATS = 5
"""Fewest turns of each."""

Figures = Mapping[str, float]
"""What work finds beside its time, such as a quality or megabytes, by name."""
Work = Callable[[], Figures | Callable[[], Figures] | None]
"""Does the work once; figures that take time themselves are returned as a function, which is not timed."""


@dataclass(frozen=True)
class Case:
    """Works that are done in turn.

    Parameters
    ----------
    name : what is done, and on what data.
    works : by who does it; `cadc` first, limits last.
    amount, unit : how much of what each work does, such as 4096 rows.
    remarks : what to know of some works, such as why one is absent, by name.
    repeats : fewest turns of each.
    most_seconds : of all turns together; it ends turns beyond the fewest.
    warm_up : whether each is done once before, without being timed.
    timed_by : figure that counts as the seconds of a turn in place of its wall time; None for the wall time.
    """

    name: str
    works: Mapping[str, Work]
    amount: float = 1.0
    unit: str = "run"
    remarks: Mapping[str, str] = field(default_factory=dict)
    repeats: int = REPEATS
    most_seconds: float = 3.0
    warm_up: bool = True
    timed_by: str | None = None
