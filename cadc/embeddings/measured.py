"""Measured compression of a model's tables: bytes, ratios, quality of the start, time of a look-up."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cadc.embeddings.base.scheme import FLOAT32
from cadc.embeddings.base.table import EmbeddingTable, evaluating
from cadc.embeddings.base.table_file import file_bytes, metadata_of, size_with
from cadc.embeddings.base.weights_file import Part, size_of_file
from cadc.embeddings.coding.shapes import shapes_of
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import CadcError

TABLES = ("embeddings.", "linear_terms.", "factor_logit.", "view_base.")
"""Prefixes of the names of a model's tables: of its embeddings, linear terms, a factorisation's logit, and views."""


def measure_tables(model: nn.Module) -> dict[str, Any]:
    """Return the entry of a record about the tables of a model; empty if none is compressed.

    `bytes` are of the files that serve the compressed fields, and `index_bytes` those of them that only say where
    numbers lie; `ratio` is over these fields, `ratio_model` over all: bytes of their float32 vectors by those of the
    files. `ratio_without_index` leaves the index out. `full` names the fields that were too small to be compressed;
    `psnr` (dB, the worst table's) is of the dense targets that tables were projected from; `lookup_ns` are nanoseconds
    for one id. `files` has of each table, by its name in the model, whether it is compressed, its bytes, and what the
    header of its file says.

    Raises
    ------
    CadcError : where the files of a collection take more bytes than its budget.
    """
    collections = _compressing(model)
    own = [table for found in collections for table in found.compressed_tables()]
    if not own:
        return {}
    files: dict[str, dict[str, Any]] = {
        name: {
            "is_compressed": any(table is other for other in own),
            "bytes": len(file_bytes(table)),
            "index_bytes": table.index_bytes,
            "header": metadata_of(table),
        }
        for name, table in tables_in(model)
    }
    for place, found in model.named_modules():
        if isinstance(found, EmbeddingCollection) and found.budget is not None:
            its = [one for name, one in files.items() if name.startswith(f"{place}.tables.")]
            used = sum(one["bytes"] for one in its if one["is_compressed"])
            if used > found.budget:
                raise CadcError(
                    f"the tables of {', '.join(found.compressed)} take {used:,} bytes; expected at most their budget, "
                    f"{found.budget:,}. Make the scheme's method table keep within spec.budget."
                )
    of_targets = [table.psnr for table in own if table.psnr is not None]
    n_rows = sum(table.n_rows for table in own)
    full = [name for found in collections for name in found.field_names if name not in found.compressed]
    return sums(files) | {
        "full": full,
        "psnr": min(of_targets, default=None),
        "lookup_ns": sum(lookup_ns(table) * table.n_rows for table in own) / n_rows,
        "files": files,
    }


def lookup_ns(table: EmbeddingTable, n: int = 4096, repeats: int = 20, seed: int = 0) -> float:
    """Return how many nanoseconds a look-up in evaluation takes for one id, the median over batches of `n`."""
    rows = torch.randint(table.n_rows, (n,), generator=torch.Generator().manual_seed(seed)).to(table.offsets.device)
    times = []
    with evaluating(table):
        for _ in range(repeats + 2):
            started = time.perf_counter_ns()
            table.vectors(rows)
            times.append((time.perf_counter_ns() - started) / n)
    return sorted(times[2:])[repeats // 2]


def is_compressed(model: nn.Module) -> bool:
    """Tell whether any field of a model is stored in another form than float32 vectors."""
    return any(found.compressed_tables() for found in _compressing(model))


def _compressing(model: nn.Module) -> list[EmbeddingCollection]:
    """Return the collections whose scheme compresses, which that of linear terms does not."""
    found = [module for module in model.modules() if isinstance(module, EmbeddingCollection)]
    return [module for module in found if module.is_compressing]


def tables_in(model: nn.Module) -> Iterator[tuple[str, EmbeddingTable]]:
    """Yield the tables of a model's collections and their names in it."""
    for name, module in model.named_modules():
        if isinstance(module, EmbeddingCollection):
            for number, table in enumerate(module.tables):
                assert isinstance(table, EmbeddingTable)
                yield f"{name}.tables.{number}", table


def sums(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return bytes and ratios as they follow from `files`, see `measure_tables`."""

    def ratio(kept: list[Mapping[str, Any]], less: int = 0) -> float:
        return sum(_float32_bytes(found["header"]) for found in kept) / (sum(found["bytes"] for found in kept) - less)

    own = [found for found in files.values() if found["is_compressed"]]
    index_bytes = sum(found["index_bytes"] for found in own)
    return {
        "bytes": sum(found["bytes"] for found in own),
        "index_bytes": index_bytes,
        "ratio": ratio(own),
        "ratio_without_index": ratio(own, index_bytes),
        "ratio_model": ratio(list(files.values())),
    }


def bytes_from_weights(files: Mapping[str, Mapping[str, Any]], weights: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the bytes of each file as they follow from its header and the weights of the model, by table."""
    found = {}
    for name, file in files.items():
        own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
        found[name] = size_with(file["header"], shapes_of(own))
    return found


def _float32_bytes(header: Mapping[str, str]) -> int:
    return FLOAT32 * int(header["dim"]) * sum(size for _, size, _ in json.loads(header["fields"]))


def table_bytes(weights: Mapping[str, Part]) -> int | None:
    """Return the size of a model's tables when written to disk for serving, if it has any.

    Parameters
    ----------
    weights : of the model, by name; if none belongs to a table, all of them count.
    """
    tables = {
        name.removeprefix(beginning): value
        for name, value in weights.items()
        for beginning in TABLES
        if name.startswith(beginning)
    } or dict(weights)
    return size_of_file(tables) if tables else None
