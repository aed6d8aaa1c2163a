"""Fitting of views on the training rows that a model is not fitted on, cached by content."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, TypedDict

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import Damaged, DataError, UsageError
from cadc.factorization.cached import factorize
from cadc.factorization.crossfit import Unit, assign_folds, complement
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors
from cadc.provenance.fingerprint import code_hash, describe, digest
from cadc.randomness import numpy_generator
from cadc.storage.stage_cache import cached_folder
from cadc.views.evidence import Costs, Evidence
from cadc.views.histories import KnownRows
from cadc.views.view import View
from cadc.views.views import FittedPart, Views, history_columns


class Cost(TypedDict):
    """Seconds of a fit, and the cost of the factorisations that it asked for, by their key in the cache."""

    seconds: float
    factorizations: Costs


ARRAYS, COST = "arrays.safetensors", "cost.json"


@dataclass(frozen=True)
class Base:
    """The run's factorisation, which some views start from.

    Parameters
    ----------
    method : the method.
    dim : length of its vectors.
    validation : numbers of the validation rows that it may read, int64; None for all, or where it reads none.
    """

    method: Factorization
    dim: int
    validation: Tensor | None = None

    def fit(self, log: InteractionLog, rows: Tensor) -> tuple[Factors, Costs]:
        """Return the factors of some rows and their cost; see `cadc.factorization.cached.factorize`."""
        return factorize(self.method, log.plain, rows, self.dim, self.validation)

    @property
    def key(self) -> object:
        """Everything that the factors depend on beside the log and the rows."""
        read = None if self.validation is None else _hash(self.validation)
        return [describe(self.method), self.dim, read, code_hash([type(self.method).__module__])]


@dataclass
class FittedViews:
    """Views of a run, and what they cost when they were fitted.

    Parameters
    ----------
    module : the views.
    n_rows : training rows that were read, each counted once.
    n_validation : validation rows that were read.
    seconds : of each view's fit, without factorisations, by its key in the cache.
    factorizations : cost of factorisations, by their key in the cache.
    key : hash of all that the numbers of a row depend on.
    """

    module: Views
    n_rows: int
    n_validation: int
    key: str
    seconds: dict[str, float] = field(default_factory=dict)
    factorizations: Costs = field(default_factory=dict)

    def numbers(self, log: InteractionLog, rows: Tensor) -> Tensor:
        """Return the numbers of some rows, float32, shape [n, K], cached; see `Views.of_rows`."""
        key = digest({"views": self.key, "rows": _hash(rows), "code": code_hash([__name__])})

        def build(folder: Path) -> None:
            start = perf_counter()
            with torch.inference_mode():
                found = self.module.of_rows(log, rows)
            seconds = perf_counter() - start
            names = dict(zip(self.module.columns, found.unbind(1), strict=True))
            _require_finite(names, f"views of the log {log.meta['name']} give rows numbers,")
            _write(folder, {"numbers": found}, {"seconds": seconds, "factorizations": {}})

        arrays, cost = _read(cached_folder("views", key, build))
        self.seconds[key] = cost["seconds"]
        return arrays["numbers"]


def fit_views(
    views: Mapping[str, View],
    log: InteractionLog,
    which: str,
    sample: Tensor,
    n_folds: int,
    base: Base | None = None,
    seed: int = 0,
    unit: Unit = "row",
) -> FittedViews:
    """Fit views on the training rows outside a sample, or fold by fold on all of them.

    Parameters
    ----------
    views : by name.
    log : the log.
    which : `complement`, or `crossfit`.
    sample : numbers of the training rows that the model is fitted on, int64, shape [n].
    n_folds : folds of `crossfit`.
    base : the run's factorisation; None if no view needs it.
    seed : of the folds.
    unit : what is left out together, see `cadc.factorization.crossfit.Unit`.

    Raises
    ------
    UsageError : if the complement has no rows, or a view does not fit the log.
    DataError : if the log lacks what a view reads, a view of it is not finite, has other numbers in each fold, or all
        views together have none.
    """
    for name, view in views.items():
        _require(log, name, view)
    all_rows, fold = log.rows("train"), None
    if which == "crossfit":
        fold = assign_folds(log, n_folds, unit, numpy_generator(seed, "folds"))
        parts = [all_rows[fold != number] for number in range(n_folds)]
    else:
        parts = [complement(log, sample, unit)]
        if not len(parts[0]):
            raise UsageError(
                "the sample holds every training row, so views have no rows to read; lower sampler.rate, or set "
                "factorization_rows=crossfit."
            )
    n_validation = 0
    if base is not None and base.method.reads_validation:
        n_validation = log.n_rows("validation") if base.validation is None else len(base.validation)
    seconds: dict[str, float] = {}
    factorizations: Costs = {}
    found, keys = [], []
    for rows in parts:
        evidence = Evidence(log.plain, rows, None if base is None else _fit_on(base, rows))
        arrays = {}
        for name, view in views.items():
            key = _key(view, log, rows, base)
            arrays[name], cost = _fitted(key, name, view, evidence)
            keys.append(key)
            seconds[key] = cost["seconds"]
            factorizations |= cost["factorizations"]
        columns = history_columns(views, arrays)
        found.append(FittedPart(arrays, None if columns is None else KnownRows.of_rows(log, rows, columns)))
    key = digest([list(views), keys, log.content_hash, None if fold is None else _hash(fold)])
    n_rows = len(all_rows) if fold is not None else len(parts[0])
    _require_numbers(views, found)
    module = Views(views, found, log.plain.schema, fold)
    return FittedViews(module, n_rows, n_validation, key, seconds, factorizations)


def _require_numbers(views: Mapping[str, View], parts: Sequence[FittedPart]) -> None:
    """Raise a DataError unless there are numbers, and those of all folds are the same ones."""
    n = 0
    for name, view in views.items():
        columns, *others = (view.columns(part.arrays[name]) for part in parts)
        for other in others:
            if other != columns:
                raise DataError(
                    f"the view {name} has other numbers in one fold ({', '.join(other)}) than in another "
                    f"({', '.join(columns)}); set an option that chooses them, such as views.ordinal.thresholds, or "
                    "factorization_rows=complement."
                )
        n += len(columns)
    if not n:
        raise DataError(
            f"the chosen views, {', '.join(views)}, have no numbers for the rows of this log; choose others beside."
        )


def _fit_on(base: Base, rows: Tensor) -> Callable[[InteractionLog], tuple[Factors, Costs]]:
    return lambda log: base.fit(log, rows)


def _require(log: InteractionLog, name: str, view: View) -> None:
    view.require_fields(log.schema)
    for asked, column, what in ((view.reads_ratings, "rating", "raw ratings"), (view.reads_times, "time", "times")):
        if asked and not log.has_column(column):
            raise DataError(
                f"the view {name} reads {what}, and the log {log.meta['name']} has none; leave it out of views."
            )


def _key(view: View, log: InteractionLog, rows: Tensor, base: Base | None) -> str:
    own = {
        "view": describe(view),
        "data": [log.content_hash, log.rating_hash],
        "rows": _hash(rows),
        "code": code_hash([type(view).__module__, __name__]),
    }
    return digest(own | ({"base": base.key} if base is not None and view.needs_factors else {}))


def _fitted(key: str, name: str, view: View, evidence: Evidence) -> tuple[dict[str, Tensor], Cost]:
    def build(folder: Path) -> None:
        evidence.factorizations, evidence.seconds_in_factorizations = {}, 0.0
        start = perf_counter()
        if view.needs_factors:
            _ = evidence.factors  # noted as read, even where another view has read it before
        arrays = view.fit(evidence)
        _require_finite(arrays, f"the view {name} of the log {evidence.log.meta['name']} has fitted")
        seconds = perf_counter() - start - evidence.seconds_in_factorizations
        _write(folder, arrays, {"seconds": seconds, "factorizations": evidence.factorizations})

    return _read(cached_folder("views", key, build))


def _require_finite(arrays: Mapping[str, Tensor], what: str) -> None:
    broken = [name for name, array in arrays.items() if not array.isfinite().all()]
    if broken:
        raise DataError(
            f"{what} {', '.join(broken)}, which are not finite; bring ratings and dense columns to a common scale, set "
            "the options of the view nearer their defaults, or leave it out of views."
        )


def _write(folder: Path, arrays: Mapping[str, Tensor], cost: Cost) -> None:
    # Not by safetensors' own writer, whose error on a full disk is not an OSError.
    (folder / ARRAYS).write_bytes(save({name: array.contiguous() for name, array in arrays.items()}))
    (folder / COST).write_text(json.dumps(cost))


def _read(folder: Path) -> tuple[dict[str, Tensor], Cost]:
    """Read what `_write` wrote; raise `Damaged` if it cannot be read or is not finite."""
    try:
        arrays = load_file(folder / ARRAYS)
        cost: Any = json.loads((folder / COST).read_text())
        if not all(array.isfinite().all() for array in arrays.values()):
            raise ValueError("its numbers are not all finite")
        return arrays, Cost(seconds=float(cost["seconds"]), factorizations=dict(cost["factorizations"]))
    except Exception as error:  # safetensors raises error classes of its own for broken files
        raise Damaged(f"{folder} does not hold a view ({error}); delete it to have it fitted again.") from error


def _hash(rows: Tensor) -> str:
    return hashlib.sha256(rows.numpy().data).hexdigest()
