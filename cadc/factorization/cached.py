"""Factorise once: factors are stored under a hash of the data, the rows, the settings and the code."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import OWN_FIELDS, UNKNOWN, Schema
from cadc.data.seen_ids import seen_ids
from cadc.data.thinning import thinned
from cadc.errors import DataError, UsageError
from cadc.factorization.crossfit import CrossFitted, assign_folds, number_pairs
from cadc.factorization.examples import settle
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors
from cadc.provenance.fingerprint import code_hash, describe, digest
from cadc.randomness import numpy_generator
from cadc.storage.stage_cache import cached_folder

FactorizedRows = Literal["full", "complement", "crossfit"]


@dataclass(frozen=True)
class Fitted:
    """Factors, and what they took when they were made.

    Parameters
    ----------
    factors : of one factorisation, or of one for each fold.
    n_rows : training rows that it read, each counted once.
    cost : `seconds` and `epochs` of each factorisation, by its key in the cache.
    n_validation : validation rows that it read.
    n_absent : of users and items in the rows of the network, those that it met in none of its own, by field.
    """

    factors: Factors | CrossFitted
    n_rows: int
    cost: Mapping[str, Mapping[str, float]]
    n_validation: int
    n_absent: Mapping[str, int]


def fit_factors(
    factorization: Factorization,
    log: InteractionLog,
    dim: int,
    which: FactorizedRows,
    sample: Tensor,
    n_folds: int,
    validation_rate: float = 1.0,
) -> Fitted:
    """Factorise the training part, or what of it the network does not see.

    Parameters
    ----------
    factorization : how to factorise.
    log : the log.
    dim : length of the vectors, where the factorisation leaves it open.
    which : `full` reads all training rows (CADC as published), `complement` those of whose pair of
        user and item the network trains on no row, `crossfit` all of them, in as many factorisations as there are
        folds, each without its fold.
    sample : numbers of the rows that the network trains on, int64.
    n_folds : of cross-fitting.
    validation_rate : share of the validation part that may stop the factorisation.

    Raises
    ------
    UsageError : for a complement without rows, or folds that cannot be filled.
    """
    rows = log.rows("train")
    validation = None
    if factorization.reads_validation:
        validation = thinned(log.rows("validation"), validation_rate)
    n_validation = 0 if validation is None else len(validation)
    if which == "crossfit":
        fold = assign_folds(log, n_folds, numpy_generator(0, "folds"))
        fitted = [factorize(factorization, log, rows[fold != number], dim, validation) for number in range(n_folds)]
        parts, costs = zip(*fitted, strict=True)
        all_costs = {key: cost for found in costs for key, cost in found.items()}
        return Fitted(CrossFitted(parts, fold), len(rows), all_costs, n_validation, {})
    if which == "complement":
        pairs = torch.from_numpy(number_pairs(log))
        is_sampled = torch.zeros(len(rows), dtype=torch.bool)  # by pair, of which there are no more than rows
        is_sampled[pairs[sample]] = True
        rows = rows[~is_sampled[pairs]]
        if not len(rows):
            raise UsageError(
                "the sample holds all training rows, or rows of all their pairs of user and item, so "
                "factorization_rows=complement has none to read; lower sampler.rate, or set "
                "factorization_rows=crossfit."
            )
    factors, cost = factorize(factorization, log, rows, dim, validation)
    absent = _count_absent(log, sample, rows, factors.fields) if which == "complement" else {}
    return Fitted(factors, len(rows), cost, n_validation, absent)


def factorize(
    factorization: Factorization, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
) -> tuple[Factors, dict[str, dict[str, float]]]:
    """Return the factors of some rows and what they cost when they were made.

    An id that does not occur in the rows has the zero vector and the mean bias of those that do, as *unknown* has.

    Parameters
    ----------
    factorization : how to factorise.
    log : the log.
    rows : numbers of the rows that it may read, int64.
    dim : length of the vectors, where the factorisation leaves it open.
    validation : numbers of the validation rows, where it reads some; None leaves all of them to it.

    Returns
    -------
    factors : from the cache where the same factorisation was done before.
    cost : `seconds` and `epochs` of the original factorisation, under its key in the cache.
    """
    read = {}
    if validation is not None and len(validation) < log.n_rows("validation"):
        read = {"validation": validation}
    key = digest(
        {name: hashlib.sha256(own.numpy().data).hexdigest() for name, own in read.items()}
        | {
            "data": log.content_hash,
            "rows": hashlib.sha256(rows.numpy().data).hexdigest(),
            "factorization": describe(factorization) | {"dim": dim},
            "code": code_hash([type(factorization).__module__, __name__]),
        }
    )

    def build(folder: Path) -> None:
        factors, cost = factorization.fit(log.plain, rows, dim, **read)
        forget_absent(factors, seen_ids(log.plain, rows, factors.fields))
        factors.save(folder / "factors.safetensors")
        (folder / "cost.json").write_text(json.dumps(cost))

    factors, cost = _load(cached_folder("factors", key, build), log.plain)
    _stretch(factors, log.schema)
    return factors, {key: cost}


def forget_absent(factors: Factors, seen: Mapping[str, Tensor]) -> None:
    """Settle the fields of which some id was in no row, in place.

    Parameters
    ----------
    factors : as a factorisation returned them.
    seen : by field, whether each id is in the rows, bool, shape [vocabulary size]; *unknown* never is.
    """
    incomplete = {field: is_seen.clone() for field, is_seen in seen.items() if not is_seen[UNKNOWN + 1 :].all()}
    for field, is_seen in incomplete.items():
        # Of other fields *unknown* may be a value of training rows, with a bias of its own.
        is_seen[UNKNOWN] = field not in OWN_FIELDS
    settle(factors, incomplete)


def _count_absent(log: InteractionLog, sample: Tensor, rows: Tensor, fields: Sequence[str]) -> dict[str, int]:
    """Count users and items that occur in the sample, and in none of the fitted rows."""
    own = [name for name in OWN_FIELDS if name in fields]
    sampled, fitted = seen_ids(log, sample, own), seen_ids(log, rows, own)
    return {name: int((sampled[name] & ~fitted[name]).sum()) for name in own}


def _stretch(factors: Factors, schema: Schema) -> None:
    """Give the ids of cold users and items, where the schema has such, what *unknown* has, in place."""
    for field in factors.fields:
        n_cold = schema[field].vocabulary_size - len(factors.biases[field])
        if n_cold:
            vectors, biases = factors.vectors[field], factors.biases[field]
            factors.vectors[field] = torch.cat([vectors, vectors[:1].expand(n_cold, -1)])
            factors.biases[field] = torch.cat([biases, biases[:1].expand(n_cold)])


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
