"""Conjugate gradients (Hestenes and Stiefel 1952) for many right-hand sides at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_STEPS = 1000


def conjugate_gradients(
    apply: Callable[[NDArray[Any]], NDArray[Any]], right: NDArray[np.float64], tolerance: float = 1e-10
) -> NDArray[np.float64]:
    """Solve A·x = right for each column, A symmetric and not negative definite.

    Where A is singular and the system has solutions all the same, as normal equations do, x is the smallest of them.

    Parameters
    ----------
    apply : multiplies A by float64 values of the shape of `right`.
    right : float64, shape [p, k].
    tolerance : length of what remains of `right`, as a share of its own, that is near enough.
    """
    found, rest = np.zeros_like(right), right.copy()
    direction, size = rest.copy(), (rest**2).sum(0)
    wanted = tolerance**2 * size
    for _ in range(min(MAX_STEPS, 10 * len(right))):
        if (size <= wanted).all():
            break
        image = apply(direction)
        curvature = (direction * image).sum(0)
        step = np.divide(size, curvature, out=np.zeros_like(size), where=curvature > 0)
        found += step * direction
        rest -= step * image
        before, size = size, (rest**2).sum(0)
        direction = rest + np.divide(size, before, out=np.zeros_like(size), where=before > 0) * direction
    return found
