"""Types and shapes of the tensors that a table is stored as."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Shapes = Mapping[str, tuple[torch.dtype, Sequence[int]]]
"""Type and shape of each tensor, by name."""

ANY = -1
"""In a shape, stands for any length."""


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.dtype, Sequence[int]]]:
    """Return types and shapes of tensors."""
    return {name: (value.dtype, value.shape) for name, value in tensors.items()}


def require_shapes(tensors: Mapping[str, Tensor], expected: Shapes) -> None:
    """Check tensors that were read before they are used.

    Raises
    ------
    ValueError : for a name that is missing or unknown, or a tensor of another type or shape.

    >>> require_shapes({"weight": torch.zeros(3, 2)}, {"weight": (torch.float32, (ANY, 4))})
    Traceback (most recent call last):
    ValueError: weight is torch.float32 (3, 2); expected torch.float32 (-1, 4)
    """
    differing = sorted(tensors.keys() ^ expected.keys())
    if differing:
        raise ValueError(f"{differing[0]} is {'unknown' if differing[0] in tensors else 'missing'}")
    for name, (dtype, shape) in expected.items():
        found, wanted = tensors[name], tuple(shape)
        fits = len(found.shape) == len(wanted) and all(
            own == length or length == ANY for own, length in zip(found.shape, wanted, strict=True)
        )
        if found.dtype != dtype or not fits:
            raise ValueError(f"{name} is {found.dtype} {tuple(found.shape)}; expected {dtype} {wanted}")
