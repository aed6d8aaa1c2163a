"""The weights of a model in one safetensors file, written part by part: the bytes of safetensors' own `save`."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, TypeAlias

import torch
from torch import Tensor, nn

from cadc.embeddings.base.row_blocks import RowBlocks
from cadc.embeddings.base.serving_state import stored_state, tables_of
from cadc.embeddings.coding.file_header import header_of, in_order, size_of
from cadc.embeddings.coding.shapes import Shapes

Part: TypeAlias = Tensor | RowBlocks
"""A tensor, or blocks of its rows, which are float32."""


def stored_parts(model: nn.Module) -> dict[str, Part]:
    """Return what `stored_state` returns by name, but tables that several processes share as blocks of rows."""
    parts: dict[str, Part] = dict(stored_state(model))
    for prefix, table in tables_of(model):
        blocks = table.stored_blocks()
        if blocks is not None:
            parts[f"{prefix}weight"] = blocks
    return parts


def write_weights(parts: Mapping[str, Part], path: Path | None) -> None:
    """Write weights to a file; where several processes share tables, all call this, and one has a path.

    It is not safetensors' own writer, whose error on a full disk is not an OSError.

    Raises
    ------
    OSError : where the file cannot be written.
    """
    shapes = shapes_of_parts(parts)
    with nullcontext() if path is None else path.open("wb") as file:
        if file is not None:
            file.write(header_of(shapes))
        for name in in_order(shapes):
            for block in _blocks(parts[name]):
                if file is not None:
                    _write(file, block)


def size_of_file(parts: Mapping[str, Part]) -> int:
    """Return how many bytes the file of some weights has."""
    return size_of(shapes_of_parts(parts))


def shapes_of_parts(parts: Mapping[str, Part]) -> Shapes:
    """Return the type and the shape of each tensor by name."""
    return {
        name: (part.dtype if isinstance(part, Tensor) else torch.float32, tuple(part.shape))
        for name, part in parts.items()
    }


def _blocks(part: Part) -> Iterator[Tensor]:
    if isinstance(part, Tensor):
        yield part
    else:
        yield from part


def _write(file: BinaryIO, tensor: Tensor) -> None:
    own = tensor.detach().contiguous().cpu()
    if own.numel():
        file.write(own.flatten().view(torch.uint8).numpy().data)
