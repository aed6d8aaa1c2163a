"""Newton's method with steps that are halved until they no longer increase the loss."""

from collections.abc import Callable

from torch import Tensor


def damped_newton(
    start: Tensor,
    loss_at: Callable[[Tensor], float],
    step_at: Callable[[Tensor], Tensor],
    max_steps: int,
    tolerance: float,
    scale: Tensor | None = None,
) -> Tensor:
    """Return a minimum of a convex loss; far from it a full step can increase the loss.

    Parameters
    ----------
    start : where it begins, float64, shape [K].
    loss_at : the loss.
    step_at : the inverse of the second derivatives times the gradient, float64, shape [K].
    max_steps : steps at most.
    tolerance : it ends at a step none of whose entries is larger, or that had to be shortened by this factor.
    scale : of the entries of a step when they are compared, shape [K]; None compares them as they are.

    Examples
    --------
    >>> import torch
    >>> square = lambda x: float((x - 3).square().sum())
    >>> damped_newton(torch.zeros(1, dtype=torch.float64), square, lambda x: x - 3, max_steps=5, tolerance=1e-10)
    tensor([3.], dtype=torch.float64)
    """
    point, loss = start, loss_at(start)
    for _ in range(max_steps):
        step = step_at(point)
        if float((step if scale is None else step * scale).abs().max()) < tolerance:
            break
        length, found = 1.0, loss_at(point - step)
        while found > loss:
            length /= 2
            if length <= tolerance:
                return point
            found = loss_at(point - length * step)
        point, loss = point - length * step, found
    return point
