"""The order in which runs are drawn, so that any first few are of different experiments and arms."""

from collections.abc import Hashable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

import numpy as np

from cadc.rerun.recorded import Recorded

T = TypeVar("T")


def in_drawn_order(runs: Sequence[Recorded], seed: int) -> list[Recorded]:
    """Return runs in random order: experiments take turns, and in each its arms take turns.

    The order of the runs that are given does not matter.

    Parameters
    ----------
    runs : to draw from.
    seed : of the draw.
    """
    rng = np.random.default_rng(seed)
    known = sorted(runs, key=lambda own: (own.place, own.arm, own.run_id))
    places: dict[Hashable, dict[Hashable, list[Recorded]]] = {}
    for own in known:
        places.setdefault(own.place, {}).setdefault(own.arm, []).append(own)
    turns = [
        _in_turns([_shuffled(arm, rng) for arm in _shuffled(list(arms.values()), rng)]) for arms in places.values()
    ]
    return list(_in_turns(_shuffled(turns, rng)))


def _shuffled(values: Sequence[T], rng: np.random.Generator) -> list[T]:
    return [values[place] for place in rng.permutation(len(values))]


def _in_turns(lists: Sequence[Sequence[T]]) -> list[T]:
    """Return the first of each list, then the second of each, and so on.

    >>> _in_turns([["a", "b"], ["c"], ["d", "e"]])
    ['a', 'c', 'd', 'b', 'e']
    """
    missing = object()
    found: Iterator[T | object] = chain.from_iterable(zip_longest(*lists, fillvalue=missing))
    return [value for value in found if value is not missing]  # type: ignore[misc]
