"""The header of a safetensors file, as it follows from types and shapes alone."""

import json
import struct
from collections.abc import Mapping
from math import prod
from typing import Any

import torch

from cadc.embeddings.coding.shapes import Shapes

TYPES = {
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
    torch.complex64: "C64",
    torch.float32: "F32",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Names of types in safetensors; wide types come first in a file, so that all are aligned."""

LENGTH = struct.Struct("<Q")
"""Length of the header in bytes; a file begins with it."""
ALIGNMENT = 8


def header_of(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the part of a file before the numbers, the same bytes as safetensors' own.

    Parameters
    ----------
    shapes : of the tensors by name.
    metadata : texts beside them; None for none.

    >>> from safetensors.torch import save
    >>> tensors = {"b": torch.zeros(2), "a": torch.zeros(1, dtype=torch.int8)}
    >>> header = header_of({name: (value.dtype, value.shape) for name, value in tensors.items()})
    >>> save(tensors) == header + bytes(9)
    True
    """
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name in in_order(shapes):
        dtype, shape = shapes[name]
        start, end = end, end + prod(shape) * dtype.itemsize
        header[name] = {"dtype": TYPES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(-(-len(text) // ALIGNMENT) * ALIGNMENT)
    return LENGTH.pack(len(text)) + text


def size_of(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> int:
    """Return how many bytes a file has."""
    numbers = sum(prod(shape) * dtype.itemsize for dtype, shape in shapes.values())
    return len(header_of(shapes, metadata)) + numbers


def in_order(shapes: Shapes) -> list[str]:
    """Return the names of tensors in the order of a file: wide types first, then by name."""
    order = list(TYPES)
    return sorted(shapes, key=lambda name: (order.index(shapes[name][0]), name))
