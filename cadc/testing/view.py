"""The contract of views."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.provenance.fingerprint import describe, digest
from cadc.testing.expect import expect, expect_derived, global_generators_untouched
from cadc.testing.logs import log_with, made_up_factors, small_log
from cadc.views.evidence import Evidence
from cadc.views.histories import KnownRows
from cadc.views.view import RowsToScore, View
from cadc.views.views import FittedPart, Views, history_columns

TOLERANCE = 1e-4


def check_view(cls: type[View], log: InteractionLog | None = None, **options: Any) -> None:
    """Check that a view keeps the contract of `cadc.views.view.View`.

    What it fits are finite arrays, the same for the same rows, whatever the labels of other rows and without a global
    generator; the numbers of a row are finite, have a name each, and depend neither on its label nor on the other rows
    of its batch, also those of unknown users and items; those of all items of a user are those of the pairs.

    Parameters
    ----------
    cls : the class.
    log : to read; a small generated one where none is given.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.views.factorization import FactorizationView
    >>> check_view(FactorizationView)
    """
    expect_derived(cls, View)
    log = small_log() if log is None else log
    name, view = cls.__name__, cls(**options)
    digest(describe(view))  # the key of the cache, which takes each option from an attribute of its name
    cls.require_fields(log.schema)
    rows = log.rows("train")[::2]
    fitted = _fit(view, log, rows)
    expect(_are_equal(fitted, _fit(view, log, rows)), f"{name}.fit returned other arrays for the same rows.")
    _check_ignores_other_labels(view, fitted, log, rows)
    module = _module(view, fitted, log, rows)
    _check_numbers(view, module, log)
    if cls.can_rank:
        _check_all_items(view, module, log, "item_numbers", module.item_scorer)
    if cls.has_pairs or (cls.can_rank and not cls.reads_times):
        _check_all_items(view, module, log, "pair_numbers", module.pair_scorer)
    for field, vectors in view.vectors(fitted).items():
        n_values = log.schema[field].vocabulary_size
        expect(
            vectors.ndim == 2 and len(vectors) == n_values and vectors.isfinite().all(),
            f"{name}.vectors of {field} have shape {tuple(vectors.shape)}; expected {n_values} finite vectors.",
        )


def made_up_views(log: InteractionLog, n: int = 2) -> Views:
    """Return views for tests of models: random numbers of users and items that the labels do not depend on.

    Parameters
    ----------
    log : the log.
    n : numbers of a row.
    """
    view = _RandomNumbers(n)
    return Views(
        {"random": view}, [FittedPart({"random": view.fit(Evidence(log, log.rows("train")))}, None)], log.schema
    )


class _RandomNumbers(View):
    can_rank: ClassVar[bool] = True

    def __init__(self, n: int) -> None:
        self.n = n

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        sizes = {"user": evidence.n_users, "item": evidence.n_items}
        return {name: torch.randn(size, self.n, generator=generator) for name, size in sizes.items()}

    def columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        return tuple(f"number_{number}" for number in range(self.n))

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        return fitted["user"][rows.users] + fitted["item"][rows.items]

    def item_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: Tensor) -> Tensor:
        return fitted["user"][users.users, None] + fitted["item"][items]


def _fit(view: View, log: InteractionLog, rows: Tensor) -> dict[str, Tensor]:
    name = type(view).__name__
    evidence = Evidence(log, rows, lambda own: (made_up_factors(own.schema), {}))
    with global_generators_untouched(f"{name}.fit"):
        fitted = view.fit(evidence)
    expect(
        isinstance(fitted, dict) and all(isinstance(own, Tensor) for own in fitted.values()),
        f"{name}.fit returned {type(fitted).__name__}; expected a dictionary of tensors.",
    )
    for key, array in fitted.items():
        expect("." not in key, f"{name}.fit returned an array named {key!r}; expected a name without a dot.")
        expect(array.isfinite().all(), f"{name}.fit returned the array {key!r} with numbers that are not finite.")
    return fitted


def _module(view: View, fitted: dict[str, Tensor], log: InteractionLog, rows: Tensor) -> Views:
    columns = history_columns({"own": view}, {"own": fitted})
    known = None if columns is None else KnownRows.of_rows(log, rows, columns)
    return Views({"own": view}, [FittedPart({"own": fitted}, known)], log.schema)


def _check_ignores_other_labels(view: View, fitted: dict[str, Tensor], log: InteractionLog, rows: Tensor) -> None:
    labels = np.array(log.column("label"))
    is_read = np.zeros(len(labels), dtype=bool)
    is_read[rows.numpy()] = True
    changed = {"label": np.where(is_read, labels, 1 - labels)}
    if log.has_column("rating"):
        ratings = np.array(log.column("rating"))
        changed["rating"] = np.where(is_read, ratings, ratings.max() + ratings.min() - ratings)
    with TemporaryDirectory(prefix="cadc-testing-") as folder:
        other = log_with(log, Path(folder) / "log", **changed)
        expect(
            _are_equal(fitted, _fit(view, other, rows)),
            f"{type(view).__name__}.fit returned other arrays when labels of rows changed that are not its evidence.",
        )


def _check_numbers(view: View, module: Views, log: InteractionLog) -> None:
    name, batch = type(view).__name__, log.gather(log.rows("test")[:200], view.reads_times)
    numbers, n = module(batch), len(module.columns)
    expect(
        numbers.dtype == torch.float32 and tuple(numbers.shape) == (len(batch), n),
        f"{name}.numbers returned {numbers.dtype} of shape {tuple(numbers.shape)}; expected torch.float32 of shape "
        f"{(len(batch), n)}, since it names {n} columns.",
    )
    expect(numbers.isfinite().all(), f"{name}.numbers returned numbers that are not all finite.")
    expect(
        torch.equal(numbers, module(replace(batch, label=1 - batch.label))),
        f"{name}.numbers depend on the labels of the batch, which are what is predicted.",
    )
    few = module(log.gather(log.rows("test")[5:8], view.reads_times))
    expect(
        torch.allclose(numbers[5:8], few, atol=TOLERANCE, rtol=TOLERANCE),
        f"{name}.numbers of a row depend on the other rows of its batch.",
    )
    unknown = module(_with_unknown(batch))
    expect(unknown.isfinite().all(), f"{name}.numbers of unknown users and items are not all finite.")
    expect(
        tuple(module(log.gather(log.rows("test")[:0], view.reads_times)).shape) == (0, n),
        f"{name}.numbers of no rows have not the shape {(0, n)}.",
    )


def _with_unknown(batch: Batch) -> Batch:
    return replace(batch, ids=torch.zeros_like(batch.ids))


def _check_all_items(
    view: View,
    module: Views,
    log: InteractionLog,
    method: str,
    scorer: Callable[[Batch], Callable[[Batch], Tensor]],
) -> None:
    name, users, items = f"{type(view).__name__}.{method}", torch.arange(1, 6), torch.arange(1, 12)
    found = scorer(log.items(items))(log.users(users))
    n = len(module.columns)
    expect(
        tuple(found.shape) == (5, 11, n) and found.isfinite().all(),
        f"{name} have shape {tuple(found.shape)}; expected finite numbers of shape {(5, 11, n)}.",
    )
    n_context = len(log.schema.of("context", bag=False))
    pairs = log.join(
        {"user": users.repeat_interleave(11), "item": items.repeat(5)},
        torch.zeros(55, n_context, dtype=torch.int32) if n_context else None,
        torch.zeros(55, len(log.schema.dense)),
        torch.zeros(55),
    )
    expect(
        torch.allclose(module(pairs).view(5, 11, n), found, atol=1e-3, rtol=1e-3),
        f"{name} are not the numbers of the pairs of user and item.",
    )


def _are_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
