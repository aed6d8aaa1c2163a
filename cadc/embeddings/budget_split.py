"""Split of one budget over several tables: by rows, unless a small table needs more for its header alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cadc.embeddings.base.budget import too_small
from cadc.embeddings.base.scheme import Scheme, TableSpec
from cadc.embeddings.base.table import EmbeddingTable
from cadc.errors import Unreachable


def tables_within(scheme: Scheme, specs: Sequence[TableSpec], budget: int | None) -> list[EmbeddingTable]:
    """Return an empty table for each spec, all within one budget.

    A spec whose own budget is too small for its scheme gets the least that it needs, taken from those with the most to
    spare.

    Parameters
    ----------
    scheme : makes the tables.
    specs : each with its share as its budget, and a generator of its own where there are several.
    budget : bytes of all tables together; None for no limit.

    Raises
    ------
    Unreachable : if the budget is too small; the error holds the smallest that would do.
    """
    states = [spec.generator.get_state() for spec in specs]

    def anew(budgets: Sequence[int]) -> list[Callable[[], EmbeddingTable]]:
        def make(at: int) -> EmbeddingTable:
            specs[at].generator.set_state(states[at])
            return scheme.table(replace(specs[at], budget=budgets[at]))

        return [lambda at=at: make(at) for at in range(len(specs))]  # type: ignore[misc]

    try:
        return [scheme.table(spec) for spec in specs]
    except Unreachable:
        if len(specs) == 1 or budget is None:
            raise
    least = [_least(make) for make in anew([1] * len(specs))]
    if sum(least) > budget:
        raise too_small(budget, sum(least), f"{len(specs)} tables")
    return [make() for make in anew(shifted([spec.budget or 0 for spec in specs], least, budget))]


def shifted(given: Sequence[int], least: Sequence[int], total: int) -> list[int]:
    """Return shares that add up to `total`, each at least its minimum; those with the most to spare give first.

    >>> shifted([100, 900, 500], [300, 200, 100], 1501)
    [300, 701, 500]
    """
    shares = [max(pair) for pair in zip(given, least, strict=True)]
    while excess := sum(shares) - total:
        spare = [share - low for share, low in zip(shares, least, strict=True)]
        at = spare.index(max(spare))
        shares[at] -= min(excess, spare[at])
    return shares


def _least(make: Callable[[], EmbeddingTable]) -> int:
    try:
        make()
    except Unreachable as error:
        return error.least
    return 1
