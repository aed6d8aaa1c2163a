"""Cached factorisation: factors are stored under a hash of the data, the rows, the options and the code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, UNKNOWN, Schema
from cadc.data.seen_ids import seen_ids
from cadc.errors import Damaged
from cadc.factorization.examples import reset_absent
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors, are_finite
from cadc.factorization.warm_start import WarmStart
from cadc.provenance.fingerprint import code_hash, describe, digest
from cadc.storage.stage_cache import cached_folder


def factorize(
    factorization: Factorization,
    log: InteractionLog,
    rows: Tensor,
    dim: int,
    validation: Tensor | None = None,
    before: WarmStart | None = None,
) -> tuple[Factors, dict[str, dict[str, float]]]:
    """Return the factors of some rows, cached or fitted.

    Like *unknown*, an id that does not occur in the rows has the zero vector and the mean bias of the ids that do.

    Parameters
    ----------
    factorization : the method.
    log : the log.
    rows : numbers of the training rows to read, int32 or int64, shape [n].
    dim : length of the vectors.
    validation : numbers of the validation rows that a method with `reads_validation` may read, int64; None for all.
    before : the earlier factors that the fit goes on from; an id of theirs that does not occur in the rows keeps what
        it had. None fits anew.

    Returns
    -------
    factors : the factors.
    cost : `seconds` and `epochs` of fitting them, now or before, under their key in the cache.

    Raises
    ------
    DataError : if the log does not fit the method.
    Damaged : if the cached factors are not what was written.
    """
    read = {}
    if validation is not None and len(validation) < log.n_rows("validation"):
        read = {"validation": validation}
    goes_on = {} if before is None else {"before": _described(before)}
    key = digest(
        {name: hashlib.sha256(own.numpy().data).hexdigest() for name, own in read.items()}
        | {
            "data": log.content_hash,
            "rows": hashlib.sha256(rows.numpy().data).hexdigest(),
            "factorization": describe(factorization) | {"dim": dim},
            "code": code_hash([type(factorization).__module__, __name__]),
        }
        | goes_on
    )

    def build(folder: Path) -> None:
        if before is None:
            factors, cost = factorization.fit(log.plain, rows, dim, **read)
        else:
            factors, cost = factorization.fit_from(before, log.plain, rows, dim, **read)
        seen = seen_ids(log.plain, rows, factors.fields)
        reset_absent_ids(factors, seen)
        if before is not None:
            before.keep(factors, seen)
        factors.save(folder / "factors.safetensors")
        (folder / "cost.json").write_text(json.dumps(cost))

    factors, cost = _load(cached_folder("factors", key, build), log.plain)
    _stretch(factors, log.schema)
    return factors, {key: cost}


def _described(before: WarmStart) -> dict[str, Any]:
    """Return what a fit goes on from as a JSON value, with tensors as hashes."""
    named = {"vectors": before.factors.vectors, "biases": before.factors.biases}
    hashes = {
        f"{kind}.{name}": hashlib.sha256(own.contiguous().numpy().data).hexdigest()
        for kind, tensors in named.items()
        for name, own in tensors.items()
    }
    return hashes | {"penalties": dict(before.penalties), "max_passes": before.max_passes}


def reset_absent_ids(factors: Factors, seen: Mapping[str, Tensor]) -> None:
    """Apply `reset_absent`, in place, to the fields that have ids which no row holds.

    Parameters
    ----------
    factors : factors as a method returned them.
    seen : by field, whether each id occurs in the rows, bool, shape [vocabulary size]; *unknown* never does.
    """
    incomplete = {field: is_seen.clone() for field, is_seen in seen.items() if not is_seen[UNKNOWN + 1 :].all()}
    for field, is_seen in incomplete.items():
        # In other fields *unknown* may be a value of training rows, with a bias of its own.
        is_seen[UNKNOWN] = field not in ENTITY_FIELDS
    reset_absent(factors, incomplete)


def _stretch(factors: Factors, schema: Schema) -> None:
    """Give the ids of cold users and items, if the schema has any, the vector and bias of *unknown*, in place."""
    for field in factors.fields:
        n_cold = schema[field].vocabulary_size - len(factors.biases[field])
        if n_cold:
            vectors, biases = factors.vectors[field], factors.biases[field]
            factors.vectors[field] = torch.cat([vectors, vectors[:1].expand(n_cold, -1)])
            factors.biases[field] = torch.cat([biases, biases[:1].expand(n_cold)])


def _load(folder: Path, log: InteractionLog) -> tuple[Factors, dict[str, float]]:
    """Read factors and their cost from the cache; raise `Damaged` if they are damaged or do not fit the log."""
    try:
        factors = Factors.load(folder / "factors.safetensors")
        cost = json.loads((folder / "cost.json").read_text())
        if not (isinstance(cost, dict) and all(isinstance(cost[name], int | float) for name in ("seconds", "epochs"))):
            raise ValueError("its cost is not a mapping to numbers")
        for field, vectors in factors.vectors.items():
            n_values, biases = log.schema[field].vocabulary_size, factors.biases[field]
            if vectors.shape != (n_values, factors.dim) or biases.shape != (n_values,):
                raise ValueError(f"the factors of {field} do not have {n_values} values")
            if not (are_finite(vectors) and are_finite(biases)):
                raise ValueError(f"the factors of {field} are not all finite")
    except Exception as error:  # safetensors raises error classes of its own for broken files
        raise Damaged(
            f"{folder} does not hold factors of this log ({error}); delete it to have them refitted."
        ) from error
    return factors, cost
