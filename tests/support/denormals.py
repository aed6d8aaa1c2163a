"""Counts denormal numbers."""

import torch

TINIEST = torch.finfo(torch.float32).tiny


def denormals(values: torch.Tensor) -> int:
    """Number of denormal numbers, read as bits: where the processor flushes them they compare as 0."""
    bits = values.view(torch.int32) & 0x7FFFFFFF
    return int(((bits > 0) & (bits < torch.tensor(TINIEST).view(torch.int32))).sum())
