"""The contract of factorisations."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors, Kind
from cadc.factorization.warm_start import WarmStart
from cadc.provenance.fingerprint import describe, digest
from cadc.testing.expect import expect, expect_derived, global_generators_untouched
from cadc.testing.logs import log_with, small_log

DIM = 3


def check_factorization(cls: type[Factorization], log: InteractionLog | None = None, **options: Any) -> None:
    """Check that a factorisation keeps the contract of `cadc.factorization.factorization.Factorization`.

    Vectors and biases have the shape of their field's vocabulary and are finite; *unknown* has the zero vector; the
    same rows give the same factors, and no global generator is used; labels of rows that it was not given, and of test
    rows, do not matter; vectors may have the length 0, which leaves the biases; a method with `goes_on` does so from
    its own factors, and repeats it.

    Parameters
    ----------
    cls : the class.
    log : to factorise; a small generated one where none is given.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.factorization.svd import SVD
    >>> check_factorization(SVD, feedback="explicit")
    """
    expect_derived(cls, Factorization)
    log = small_log() if log is None else log
    factorization, name = cls(**options), cls.__name__
    expect(cls.kind in get_args(Kind), f"{name}.kind is {cls.kind!r}; expected one of {', '.join(get_args(Kind))}.")
    digest(describe(factorization))  # the key of the cache, which takes each option from an attribute of its name
    rows = log.rows("train")[::2]
    factors = _fit(factorization, log, rows)
    _check_factors(name, factors, log, DIM)
    expect(factors.kind == cls.kind, f"{name} returned factors of kind {factors.kind!r}; its own is {cls.kind!r}.")
    logits = factors.logits(log, log.rows("test"))
    expect(logits.isfinite().all(), f"{name} returned factors whose logits are not all finite.")
    expect(logits.std() > 0, f"{name} returned factors that give all rows the same score.")
    expect(_are_equal(factors, _fit(factorization, log, rows)), f"{name} returned different factors for the same rows.")
    _check_ignores_other_labels(factorization, factors, log, rows)
    _check_factors(name, _fit(factorization, log, rows, 0), log, 0)
    if cls.goes_on:
        before = WarmStart(factors, max_passes=1)
        one, other = (factorization.fit_from(before, log, log.rows("train"), DIM)[0] for _ in range(2))
        _check_factors(name, one, log, DIM)
        expect(_are_equal(one, other), f"{name}.fit_from returned different factors for the same rows.")


def _fit(factorization: Factorization, log: InteractionLog, rows: Tensor, dim: int = DIM) -> Factors:
    name = type(factorization).__name__
    with global_generators_untouched(f"{name}.fit"):
        factors, cost = factorization.fit(log, rows, dim)
    for key in ("seconds", "epochs"):
        value = cost.get(key)
        expect(
            isinstance(value, int | float) and value >= 0,
            f"{name}.fit returned the cost {key}={value!r}; expected a number that is not negative.",
        )
    return factors


def _check_factors(name: str, factors: Factors, log: InteractionLog, dim: int) -> None:
    expect(len(factors.fields) > 0, f"{name} returned factors of no field.")
    for field, vectors in factors.vectors.items():
        expect(field in log.schema, f"{name} returned factors of {field!r}, which is not a field of the log.")
        n_values, biases = log.schema[field].vocabulary_size, factors.biases[field]
        for what, found, shape in (("vectors", vectors, (n_values, dim)), ("biases", biases, (n_values,))):
            expect(
                found.dtype == torch.float32 and tuple(found.shape) == shape,
                f"{name} returned {what} of {field} {found.dtype} of shape {tuple(found.shape)}; expected "
                f"torch.float32 of shape {shape}.",
            )
            expect(found.isfinite().all(), f"{name} returned {what} of {field} that are not all finite.")
        expect(not vectors[UNKNOWN].any(), f"{name}: the vector of *unknown* (id 0) of {field} is not zero.")
    if factors.dense is not None:
        expect(
            tuple(factors.dense.shape) == (len(log.schema.dense),) and factors.dense.isfinite().all(),
            f"{name} returned weights of dense features of shape {tuple(factors.dense.shape)}; expected "
            f"{len(log.schema.dense)} finite numbers.",
        )


def _check_ignores_other_labels(
    factorization: Factorization, factors: Factors, log: InteractionLog, rows: Tensor
) -> None:
    labels = np.array(log.column("label"))
    is_read = np.zeros(len(labels), dtype=bool)
    is_read[rows.numpy()] = True
    if factorization.reads_validation:
        is_read[log.rows("validation").numpy()] = True
    with TemporaryDirectory(prefix="cadc-testing-") as folder:
        other = log_with(log, Path(folder) / "log", label=np.where(is_read, labels, 1 - labels))
        expect(
            _are_equal(factors, _fit(factorization, other, rows)),
            f"{type(factorization).__name__} returned other factors when labels of rows changed that it was not given; "
            "it may read the rows it is given alone, and validation rows with reads_validation = True.",
        )


def _are_equal(one: Factors, other: Factors) -> bool:
    names = one.fields
    return names == other.fields and all(
        torch.equal(one.vectors[name], other.vectors[name]) and torch.equal(one.biases[name], other.biases[name])
        for name in names
    )
