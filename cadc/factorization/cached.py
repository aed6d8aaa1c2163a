"""Factorise once: factors are stored under a hash of the data, the rows, the settings and the code."""

import hashlib
import json
from pathlib import Path
from typing import Protocol

from torch import Tensor

from cadc.cache import cached_folder
from cadc.data.log import InteractionLog
from cadc.errors import DataError, UsageError
from cadc.factorization.factors import Factors
from cadc.identity import code_hash, describe, digest


class Factorization(Protocol):
    """A way to factorise the rows of a log."""

    dim: int | None

    def fit(self, log: InteractionLog, rows: Tensor, dim: int) -> tuple[Factors, dict[str, float]]:
        """Return the factors, and `seconds` and `epochs`."""


def factorize(
    factorization: Factorization, log: InteractionLog, rows: Tensor, dim: int
) -> tuple[Factors, dict[str, float]]:
    """Return the factors of some rows and what they cost when they were made.

    Parameters
    ----------
    factorization : how to factorise.
    log : the log.
    rows : numbers of the rows that it may read, int64.
    dim : length of the vectors, where the factorisation leaves it open.

    Returns
    -------
    factors : from the cache where the same factorisation was done before.
    cost : `seconds` and `epochs` of the original factorisation.
    """
    key = digest(
        {
            "data": log.content_hash,
            "rows": hashlib.sha256(rows.numpy().data).hexdigest(),
            "factorization": describe(factorization) | {"dim": dim},
            "code": code_hash([type(factorization).__module__, __name__]),
        }
    )

    def build(folder: Path) -> None:
        factors, cost = factorization.fit(log, rows, dim)
        factors.save(folder / "factors.safetensors")
        (folder / "cost.json").write_text(json.dumps(cost))

    folder = cached_folder("factors", key, build)
    return _load(folder, log)


def _load(folder: Path, log: InteractionLog) -> tuple[Factors, dict[str, float]]:
    """Read factors and their cost from the cache.

    Raises
    ------
    DataError : where they are damaged or those of another log.
    """
    try:
        factors = Factors.load(folder / "factors.safetensors")
        cost = json.loads((folder / "cost.json").read_text())
        if not (isinstance(cost, dict) and all(isinstance(cost[name], int | float) for name in ("seconds", "epochs"))):
            raise ValueError("its cost is no list of numbers")
        for field, vectors in factors.vectors.items():
            n_values, biases = log.schema[field].vocabulary_size, factors.biases[field]
            if vectors.shape != (n_values, factors.dim) or biases.shape != (n_values,):
                raise ValueError(f"the factors of {field} are not those of {n_values} values")
            if not (vectors.isfinite().all() and biases.isfinite().all()):
                raise ValueError(f"the factors of {field} are not all finite")
    except Exception as error:  # safetensors has its own classes of error for broken files
        raise DataError(
            f"{folder} holds no factors of this log ({error}); delete it and they are made again."
        ) from error
    return factors, cost


def factor_dim(factorization: Factorization, table_dim: int | None, extra_columns: int = 0) -> int:
    """Return the length of the vectors that a table of `table_dim` columns can start from.

    Parameters
    ----------
    factorization : whose option `dim` may fix the length.
    table_dim : columns of the embedding table; None where no table starts from the factors.
    extra_columns : columns of the table that do not come from the vectors.

    Raises
    ------
    UsageError : where both are given and do not fit.
    """
    wanted = None if table_dim is None else table_dim - extra_columns
    if wanted is not None and wanted < 0:
        raise UsageError(
            f"embedding.dim is {table_dim}, but this initializer takes {extra_columns} columns for itself."
        )
    if factorization.dim is None:
        return 16 if wanted is None else wanted
    if wanted is not None and factorization.dim != wanted:
        raise UsageError(
            f"factorization.dim is {factorization.dim}, but embedding.dim {table_dim} needs factors of {wanted} "
            f"columns: set factorization.dim={wanted}, or embedding.dim={factorization.dim + extra_columns}."
        )
    return factorization.dim
