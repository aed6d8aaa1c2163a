"""Work that is divided among the threads of a run."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return what a function returns for each item, in their order, computed by as many threads as torch may use.

    The threads run at the same time only while the function is inside Arrow or NumPy. Of several exceptions that of the
    first item is raised.

    >>> in_threads(len, ["a", "bcd"])
    [1, 3]
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, items))
