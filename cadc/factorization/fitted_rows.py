"""Factorisation of the training rows that a run may read: all of them, those outside the sample, or fold by fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.data.seen_ids import seen_ids
from cadc.data.thinning import thinned
from cadc.errors import UsageError
from cadc.factorization.cached import factorize
from cadc.factorization.crossfit import CrossFitted, Unit, assign_folds, complement
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors
from cadc.factorization.warm_start import WarmStart
from cadc.randomness import numpy_generator

FactorizedRows = Literal["full", "complement", "crossfit"]
"""Training rows that a factorisation reads: all of them (CADC as published); those that are not in the sample; or all
of them, in several factorisations that leave out one fold each."""


@dataclass(frozen=True)
class Fitted:
    """Factors, and what they cost when they were fitted.

    Parameters
    ----------
    factors : factors of one factorisation, or of one for each fold.
    n_rows : number of training rows that were read, each counted once.
    cost : `seconds` and `epochs` of each factorisation, by its key in the cache.
    n_validation : number of validation rows that were read.
    n_absent : number of users and items that occur in the sample but in none of the rows that were read, by field.
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
    seed: int = 0,
    unit: Unit = "row",
    before: WarmStart | None = None,
) -> Fitted:
    """Factorise the training part of a log, or the rows of it that the network is not trained on.

    Parameters
    ----------
    factorization : the method.
    log : the log.
    dim : length of the vectors.
    which : which training rows to read, see `FactorizedRows`.
    sample : numbers of the rows that the network is trained on, int64, shape [n].
    n_folds : number of folds of `crossfit`.
    validation_rate : share of the validation part that the factorisation may read.
    seed : seed of the folds.
    unit : what is left out together, see `Unit`.
    before : the earlier factors that the fit goes on from; None, as for `crossfit`, fits anew.

    Raises
    ------
    UsageError : if the complement has no rows, or there are more folds than rows.
    """
    rows = log.rows("train")
    validation = None
    if factorization.reads_validation:
        validation = thinned(log.rows("validation"), validation_rate)
    n_validation = 0 if validation is None else len(validation)
    if which == "crossfit":
        fold = assign_folds(log, n_folds, unit, numpy_generator(seed, "folds"))
        fitted = [factorize(factorization, log, rows[fold != number], dim, validation) for number in range(n_folds)]
        parts, costs = zip(*fitted, strict=True)
        all_costs = {key: cost for found in costs for key, cost in found.items()}
        return Fitted(CrossFitted(parts, fold), len(rows), all_costs, n_validation, {})
    if which == "complement":
        rows = complement(log, sample, unit)
        if not len(rows):
            raise UsageError(
                f"the sample holds every {'row' if unit == 'row' else 'pair of user and item'}, so "
                "factorization_rows=complement has no rows to read; lower sampler.rate, or set "
                "factorization_rows=crossfit."
            )
    factors, cost = factorize(factorization, log, rows, dim, validation, before)
    absent = _count_absent(log, sample, rows, factors.fields) if which == "complement" else {}
    return Fitted(factors, len(rows), cost, n_validation, absent)


def _count_absent(log: InteractionLog, sample: Tensor, rows: Tensor, fields: Sequence[str]) -> dict[str, int]:
    """Return the number of users and items that occur in the sample but not in the fitted rows, by field."""
    own = [name for name in ENTITY_FIELDS if name in fields]
    sampled, fitted = seen_ids(log, sample, own), seen_ids(log, rows, own)
    return {name: int((sampled[name] & ~fitted[name]).sum()) for name in own}
