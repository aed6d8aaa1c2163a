"""Whether a computation stands for several models at once, under `torch.vmap`, where some operations are not to be had.

Those that have no batched form, or a slow one, ask `is_vmapped` and take another way to the same numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_vmapped = False


def is_vmapped() -> bool:
    """Tell whether the code runs inside `vmapping`."""
    return _vmapped


@contextmanager
def vmapping() -> Iterator[None]:
    """Compute several models at once inside a `with` block, which encloses a call of `torch.vmap`.

    >>> with vmapping():
    ...     is_vmapped()
    True
    """
    global _vmapped
    before, _vmapped = _vmapped, True
    try:
        yield
    finally:
        _vmapped = before


def by_row(work: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Return what some work makes of tensors; inside `vmapping` it gets the rows of all models as one tensor.

    Parameters
    ----------
    work : computes each row of its result, shape [B, ...], from the same row of the tensors, shape [B, ...] each.
    tensors : of the model, or of each of several ones.
    """
    if not is_vmapped():
        return work(*tensors)
    found: Tensor = _ByRow.apply(work, *tensors)
    return found


class _ByRow(torch.autograd.Function):
    """Work whose batched form is the same work on more rows."""

    @staticmethod
    def forward(work: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        return work(*tensors)

    @staticmethod
    def setup_context(context: Any, inputs: Any, output: Any) -> None:
        """Keep nothing: the operations of `vmap` have gradients of their own."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], work: Callable[..., Tensor], *tensors: Tensor) -> Any:
        models = [first(tensor, dim, info.batch_size) for tensor, dim in zip(tensors, in_dims[1:], strict=True)]
        return work(*(tensor.flatten(0, 1) for tensor in models)).unflatten(0, (info.batch_size, -1)), 0


def first(tensor: Tensor, dim: int | None, n_models: int) -> Tensor:
    """Return a tensor of `torch.vmap` with its models in the first dimension; one without models is repeated."""
    return tensor.expand(n_models, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
