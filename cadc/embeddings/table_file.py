"""One embedding table in one file: safetensors whose size is known from the shapes alone, with a checksum."""

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from cadc.components import load_class
from cadc.data.schema import Field
from cadc.data.text import unreadable
from cadc.embeddings.table import EmbeddingTable
from cadc.errors import CadcError, DataError
from cadc.paths import regular_file

TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""As safetensors names them."""

Shapes = Mapping[str, tuple[torch.dtype, Sequence[int]]]
"""Type and shape of each tensor, by name."""

ALIGNMENT = 8
NO_CHECKSUM = "0" * 32


def file_bytes(table: EmbeddingTable) -> bytes:
    """Return what `export` writes: the tensors of `serving`, and in the header all else that a look-up needs."""
    tensors = {name: value.contiguous().cpu() for name, value in table.serving().items()}
    header = _header(type(table), table.fields, table.dim, table.centred, table.plan(), _checksum(tensors))
    return save(tensors, header)


def size_of(
    cls: type[EmbeddingTable],
    fields: Sequence[Field],
    dim: int,
    centred: bool,
    plan: Mapping[str, Any],
    shapes: Shapes,
) -> int:
    """Return how many bytes the file of a table of this plan has.

    Parameters
    ----------
    cls, fields, dim, centred, plan : of the table, see `EmbeddingTable`.
    shapes : of `serving`, the centre left out, which is counted where the table is centred.
    """
    specs = dict(shapes) | ({"centre": (torch.float32, (len(fields), dim))} if centred else {})
    header: dict[str, Any] = {"__metadata__": _header(cls, fields, dim, centred, plan, NO_CHECKSUM)}
    end = 0
    # The order that safetensors stores them in: wide types first, then by name.
    for name, (dtype, shape) in sorted(specs.items(), key=lambda spec: (-_rank(spec[1][0]), spec[0])):
        start, end = end, end + prod(shape) * dtype.itemsize
        header[name] = {"dtype": TYPES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return struct.calcsize("<Q") + -(-len(text) // ALIGNMENT) * ALIGNMENT + end


def export(table: EmbeddingTable, path: Path) -> None:
    """Write a table to a file that `read_table` reads."""
    path.write_bytes(file_bytes(table))


def read_table(path: Path) -> EmbeddingTable:
    """Return the table that `export` wrote; its look-ups give the same bits.

    Raises
    ------
    DataError : for a file that is none, or that has changed since.
    """
    try:
        with safe_open(regular_file(path), "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise unreadable(path, error) from error
    except SafetensorError as error:
        raise DataError(f"{path} cannot be read as safetensors: {str(error).splitlines()[0]}") from error
    if header.get("checksum") != _checksum(tensors):
        raise DataError(f"{path} is no table as it was exported: its checksum does not agree; export it again.")
    try:
        fields = [
            Field(name, "context", size, bag) for name, size, bag in json.loads(header["fields"])
        ]  # whose side a field is of does not matter to a look-up
        cls = load_class(header["class"])
        if not issubclass(cls, EmbeddingTable):
            raise ValueError(f"{header['class']} is no table")
        table = cls(fields, int(header["dim"]), centred=header["centred"] == "1", **json.loads(header["plan"]))
        table.load_serving(tensors)
    except (KeyError, TypeError, ValueError, CadcError) as error:
        raise DataError(f"{path} holds no table that this version knows: {error}") from error
    return table.eval()


def _header(
    cls: type[EmbeddingTable], fields: Sequence[Field], dim: int, centred: bool, plan: Mapping[str, Any], checksum: str
) -> dict[str, str]:
    own = [[field.name, field.vocabulary_size, int(field.bag)] for field in fields]
    return {
        "class": f"{cls.__module__}.{cls.__qualname__}",
        "fields": json.dumps(own, separators=(",", ":"), ensure_ascii=False),
        "dim": str(dim),
        "centred": str(int(centred)),
        "plan": json.dumps(dict(plan), separators=(",", ":")),
        "checksum": checksum,
    }


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        found.update(f"{name} {TYPES[value.dtype]} {list(value.shape)}\n".encode())
        found.update(value.flatten().view(torch.uint8).numpy().tobytes() if value.numel() else b"")
    return found.hexdigest()[: len(NO_CHECKSUM)]


def _rank(dtype: torch.dtype) -> int:
    """Return the place of a type in safetensors' own order."""
    order = ["BOOL", "U8", "I8", "I16", "F16", "BF16", "I32", "F32", "F64", "I64"]
    return order.index(TYPES[dtype])
