"""Budgets in bytes: the largest table that keeps within one."""

from collections.abc import Callable

from cadc.errors import Unreachable


def too_small(budget: int, least: int, what: str) -> Unreachable:
    """Return the error for a budget that a scheme cannot meet.

    Parameters
    ----------
    budget, least : bytes that there are, and the fewest that the scheme needs.
    what : takes those, such as `1 rows`.
    """
    return Unreachable(
        f"the embedding budget is {budget} bytes, and {what} take {least} already, the least that this scheme can do; "
        "lower embedding.ratio, or raise embedding.budget.",
        least,
    )


def largest_within(budget: int | None, size_of: Callable[[int], int], lowest: int, highest: int, of_what: str) -> int:
    """Return the largest number in [lowest, highest] at which a table keeps within its budget.

    >>> largest_within(100, lambda rows: 20 + 8 * rows, 1, 50, "rows")
    10

    Parameters
    ----------
    budget : bytes; None means no limit.
    size_of : bytes of the file at a number; grows with it.
    lowest, highest : of the number.
    of_what : names the number in messages, such as `rows`.

    Raises
    ------
    Unreachable : where even the lowest number takes more.
    """
    if budget is None:
        return highest
    least = size_of(lowest)
    if least > budget:
        raise too_small(budget, least, f"{lowest} {of_what}")
    low, high = lowest, max(lowest, highest)
    while low < high:
        middle = (low + high + 1) // 2
        if size_of(middle) <= budget:
            low = middle
        else:
            high = middle - 1
    return low
