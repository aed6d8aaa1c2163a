"""Allocation of a number of bits to groups of rows, greedily by gain per bit."""

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import combinations
from typing import NamedTuple

Errors = Sequence[Sequence[float]]
"""Of each group, what is lost at 0, 1, 2, … bits a number."""


class Step(NamedTuple):
    """A group's way to more bits.

    Parameters
    ----------
    gain : what is lost less, for each bit that it takes.
    group : number of the group.
    width : bits a number afterwards.
    """

    gain: float
    group: int
    width: int


def allot(
    errors: Errors, sizes: Sequence[int], room: int, choices: Sequence[int], wanted: Sequence[int]
) -> list[int] | None:
    """Return each group's bits a number; None where even the fewest take too much room.

    All groups begin with the fewest bits. The step that gains most for each bit is taken first, which is the best that
    can be done with the room that is taken then (the knapsack's relaxation, Dantzig 1957). Groups go beyond the bits
    that they want only if there is room left when all have what they want.

    Parameters
    ----------
    errors : of each group, at each number of bits up to the largest of the choices.
    sizes : numbers in each group.
    room : bits for all of them.
    choices : bits a number that are allowed, ascending.
    wanted : the most that each group is given first.
    """
    widths = [choices[0]] * len(sizes)
    room -= sum(size * choices[0] for size in sizes)
    if room < 0:
        return None
    for most in (wanted, [choices[-1]] * len(sizes)):
        room = _climb(widths, errors, sizes, room, choices, most)
    return widths


def allot_within(
    errors: Errors,
    sizes: Sequence[int],
    room_for: Callable[[int], int | None],
    widths: Sequence[int],
    wanted: Sequence[int],
) -> tuple[list[int], tuple[int, ...], int]:
    """Return each group's bits a number, the bits that were allowed for that, and the bits of room that are left.

    Telling many widths apart takes room, too: of all that may be allowed, what loses least is taken.

    Parameters
    ----------
    errors, sizes, wanted : see `allot`.
    room_for : bits for the numbers of all groups where so many widths are told apart; None where that does not fit.
    widths : that there are, ascending; there is room for the first alone.
    """
    rooms = {n: room_for(n) for n in {len(choices) for choices in choices_of(widths)}}
    best: tuple[float, list[int], tuple[int, ...]] | None = None
    for choices in choices_of(widths):
        room = rooms[len(choices)]
        found = None if room is None else allot(errors, sizes, room, choices, wanted)
        if found is not None:
            lost = sum(own[bits] for own, bits in zip(errors, found, strict=True))
            if best is None or lost < best[0]:
                best = lost, found, choices
    assert best is not None, "there is room for the first width"
    _, given, allowed = best
    return (
        given,
        allowed,
        (rooms[len(allowed)] or 0) - sum(size * bits for size, bits in zip(sizes, given, strict=True)),
    )


def best_step(widths: Sequence[int], errors: Errors, sizes: Sequence[int], choices: Sequence[int]) -> Step | None:
    """Return the step that gains most for each bit, however much room it takes; None where none gains."""
    found = [_step(group, widths, errors, sizes, choices, choices[-1]) for group in range(len(sizes))]
    return max((step for step in found if step is not None), key=lambda step: step.gain, default=None)


def choices_of(widths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield what is worth allowing: as many widths as can be told apart by 0, 1, 2, … bits for each row."""
    n_bits = 0
    while True:
        yield from combinations(widths, min(1 << n_bits, len(widths)))
        if 1 << n_bits >= len(widths):
            return
        n_bits += 1


def _climb(
    widths: list[int], errors: Errors, sizes: Sequence[int], room: int, choices: Sequence[int], most: Sequence[int]
) -> int:
    """Take steps while there is room, change `widths`, and return the room that is left."""

    def next_step(group: int) -> tuple[float, int, int] | None:
        highest = min(most[group], widths[group] + room // sizes[group])
        step = _step(group, widths, errors, sizes, choices, highest)
        return None if step is None else (-step.gain, step.group, step.width)

    steps = [step for step in map(next_step, range(len(sizes))) if step is not None]
    heapify(steps)
    while steps:
        _, group, width = heappop(steps)
        taken = (width - widths[group]) * sizes[group]
        if taken <= room:
            widths[group] = width
            room -= taken
        following = next_step(group)
        if following is not None:
            heappush(steps, following)
    return room


def _step(
    group: int, widths: Sequence[int], errors: Errors, sizes: Sequence[int], choices: Sequence[int], highest: int
) -> Step | None:
    """Return the best step of a group to at most so many bits."""
    now, own = widths[group], errors[group]
    steps = [
        Step((own[now] - own[width]) / ((width - now) * sizes[group]), group, width)
        for width in choices
        if now < width <= highest and own[width] < own[now]
    ]
    return max(steps, default=None)
