"""One embedding table in one file: safetensors whose size is known from the shapes alone, with a checksum."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from cadc.configuration.class_lookup import load_class
from cadc.data.schema import Field
from cadc.data.text import unreadable
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.coding.file_header import LENGTH, header_of, in_order
from cadc.embeddings.coding.file_header import size_of as file_size
from cadc.embeddings.coding.shapes import Shapes, shapes_of
from cadc.errors import CadcError, DataError, one_line
from cadc.paths import regular_file

DIGITS = 32
MARK = b'"checksum":"'
"""Precedes the checksum in the header; names and plans cannot contain it, since quotes inside texts are escaped."""


def file_bytes(table: EmbeddingTable) -> bytes:
    """Return what `write_table` writes: the tensors of `serving`, and in the header all else that a look-up needs.

    The same table gives the same bytes.
    """
    tensors = {name: value.detach().contiguous().cpu() for name, value in table.serving().items()}
    shapes = shapes_of(tensors)
    header = _header(metadata_of(table), shapes)
    content = header + b"".join(_raw(tensors[name]) for name in in_order(shapes))
    return _with_checksum(content, checksum(content))


def metadata_of(table: EmbeddingTable) -> dict[str, str]:
    """Return the metadata of a table that the header holds beside the tensors' shapes, as texts."""
    return _metadata(table.served_by or type(table), table.fields, table.dim, table.centred, table.plan())


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
    centre = {"centre": (torch.float32, (len(fields), dim))} if centred else {}
    return size_with(_metadata(cls, fields, dim, centred, plan), dict(shapes) | centre)


def size_with(metadata: Mapping[str, str], shapes: Shapes) -> int:
    """Return how many bytes the file of tensors of these shapes has, the header made of what `metadata_of` gave."""
    return file_size(shapes, {**metadata, "checksum": "0" * DIGITS})


def write_table(table: EmbeddingTable, path: Path) -> None:
    """Write a table to a file that `read_table` reads."""
    path.write_bytes(file_bytes(table))


def read_table(path: Path) -> EmbeddingTable:
    """Return the table that `write_table` wrote; its look-ups give the same bits.

    Raises
    ------
    DataError : for a file that is not a table, has changed since it was written, or holds numbers that are not finite.
    """
    try:
        content = regular_file(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    place = content.find(MARK) + len(MARK)
    if content[place : place + DIGITS] != checksum(content).encode():
        raise DataError(f"{path} is not a table as it was exported: its checksum differs; export it again.")
    try:
        table = _table_in(content)
    except Exception as error:  # whoever made the file may have put anything into it
        reason = str(error) if isinstance(error, ValueError | CadcError) else repr(error)
        raise DataError(f"{path} is not a table that this version reads: {one_line(reason).rstrip('.')}.") from error
    return table.eval()


def _table_in(content: bytes) -> EmbeddingTable:
    (length,) = LENGTH.unpack_from(content)
    found = json.loads(content[LENGTH.size : LENGTH.size + length])["__metadata__"]
    # Whose side a field is of does not matter to a look-up.
    fields = [Field(name, "context", size, bool(bag)) for name, size, bag in json.loads(found["fields"])]
    cls = load_class(found["class"])
    if not issubclass(cls, EmbeddingTable):
        raise ValueError(f"{found['class']} is not an EmbeddingTable")
    tensors = load(content)
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise ValueError(f"{name} holds numbers that are not finite")
    table = cls(fields, int(found["dim"]), centred=found["centred"] == "1", **json.loads(found["plan"]))
    table.load_serving(tensors)
    return table


def checksum(content: bytes) -> str:
    """Return the checksum of a file, whatever its own field holds now: the first digits of SHA-256."""
    return hashlib.sha256(_with_checksum(content, "0" * DIGITS)).hexdigest()[:DIGITS]


def _with_checksum(content: bytes, digits: str) -> bytes:
    before, mark, after = content.partition(MARK)
    return before + mark + digits.encode() + after[DIGITS:]


def _metadata(
    cls: type[EmbeddingTable], fields: Sequence[Field], dim: int, centred: bool, plan: Mapping[str, Any]
) -> dict[str, str]:
    own = [[field.name, field.vocabulary_size, int(field.bag)] for field in fields]
    return {
        "class": _format_name(cls),
        "fields": json.dumps(own, separators=(",", ":"), ensure_ascii=False),
        "dim": str(dim),
        "centred": str(int(centred)),
        "plan": json.dumps(dict(plan), separators=(",", ":"), allow_nan=False),
    }


def _format_name(cls: type[EmbeddingTable]) -> str:
    """Return how a file names the class of its table.

    Names of folders inside `cadc` do not count: budgets count the bytes of a header, which must not change when a file
    moves.
    """
    package, _, rest = cls.__module__.partition(".")
    place = f"embeddings.{rest.rpartition('.')[2]}" if package == "cadc" else rest
    return f"{package}.{place}.{cls.__qualname__}"


def _header(metadata: Mapping[str, str], shapes: Shapes) -> bytes:
    """Return the part of a file before the numbers, with zeros as the checksum."""
    return header_of(shapes, {**metadata, "checksum": "0" * DIGITS})


def _raw(tensor: Tensor) -> bytes:
    return tensor.flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
