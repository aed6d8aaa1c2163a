"""Types of floating-point numbers that tables are stored in."""

from typing import Literal

import torch
from torch import Tensor

Dtype = Literal["float32", "float16", "bfloat16"]

TORCH_DTYPES: dict[Dtype, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def as_dtype(numbers: Tensor, dtype: Dtype) -> Tensor:
    """Return numbers rounded to a type; those beyond its range become its largest or smallest.

    >>> as_dtype(torch.tensor([1.0, 1e6]), "float16")
    tensor([1.0000e+00, 6.5504e+04], dtype=torch.float16)
    """
    if dtype == "float32":
        return numbers.float()
    kind = TORCH_DTYPES[dtype]
    return numbers.clamp(torch.finfo(kind).min, torch.finfo(kind).max).to(kind)
