"""The contract of samplers."""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from cadc.data.log import InteractionLog
from cadc.errors import CadcError, UsageError
from cadc.factorization.factors import Factors
from cadc.randomness import numpy_generator
from cadc.sampling.sampler import Sample, Sampler
from cadc.testing.expect import expect, expect_derived, expect_refusal, global_generators_untouched
from cadc.testing.logs import log_with, made_up_factors, small_log

RATES = (0.013, 0.1, 0.37)
MEAN_TOLERANCE = 1e-5


def check_sampler(cls: type[Sampler], log: InteractionLog | None = None, **options: Any) -> None:
    """Check that a sampler keeps the contract of `cadc.sampling.sampler.Sampler`.

    A sample has exactly the rounded share of the training rows, each row once and in ascending order; samples of one
    seed are nested; the same generator gives the same sample, and no global generator is used; weights have mean 1;
    where `allows_complement` holds, labels do not matter.

    Parameters
    ----------
    cls : the class.
    log : to sample from; a small generated one where none is given.
    options : of the class, beside `rate`.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.sampling.stratified import StratifiedSampler
    >>> check_sampler(StratifiedSampler, by="item")
    """
    expect_derived(cls, Sampler)
    log = small_log() if log is None else log
    for rate in (0.0, -0.1, 1.0001, math.nan):
        expect_refusal(UsageError, lambda rate=rate: cls(rate=rate, **options), f"{cls.__name__}(rate={rate})")  # type: ignore[misc]
    samples = [_draw(cls(rate=rate, **options), log) for rate in RATES]
    for rate, sample in zip(RATES, samples, strict=True):
        _check_rows(cls.__name__, sample, rate, log)
        _check_weights(cls.__name__, sample)
        _check_facts(cls.__name__, sample)
    for small, large in pairwise(samples):
        outside = ~torch.isin(small.rows, large.rows)
        expect(
            not outside.any(),
            f"{cls.__name__}: {int(outside.sum())} rows of a sample are not in the larger sample of the same seed; "
            "keys must not depend on the rate.",
        )
    _check_repeats(cls(rate=RATES[1], **options), samples[1], log)
    every = _draw(cls(rate=1.0, **options), log)
    expect(
        torch.equal(every.rows, log.rows("train").long()), f"{cls.__name__} at rate 1 does not keep all training rows."
    )
    least = 0.4 / log.n_rows("train")
    expect_refusal(UsageError, lambda: _draw(cls(rate=least, **options), log), f"{cls.__name__} at a rate of no row")
    if cls.allows_complement:
        _check_ignores_labels(cls(rate=RATES[1], **options), samples[1], log)


def _draw(sampler: Sampler, log: InteractionLog, seed: int = 0) -> Sample:
    name = type(sampler).__name__
    try:
        with global_generators_untouched(name):
            return sampler(log, numpy_generator(seed, "sample"), _factors_for(sampler, log))
    except UsageError:
        raise
    except CadcError as error:
        raise AssertionError(str(error)) from error


def _factors_for(sampler: Sampler, log: InteractionLog) -> Callable[[], Factors]:
    def refuse() -> Factors:
        raise AssertionError(
            f"{type(sampler).__name__} asks for factors; set needs_factors = True, so that they are fitted."
        )

    return (lambda: made_up_factors(log.schema)) if sampler.needs_factors else refuse


def _check_rows(name: str, sample: Sample, rate: float, log: InteractionLog) -> None:
    n_rows, rows = log.n_rows("train"), sample.rows
    expect(rows.dtype == torch.int64, f"{name} returned rows of type {rows.dtype}; expected torch.int64.")
    expect(
        rows.shape == (round(rate * n_rows),),
        f"{name} at rate {rate} returned rows of shape {tuple(rows.shape)}; expected {round(rate * n_rows)} of "
        f"{n_rows} training rows.",
    )
    expect((rows.diff() > 0).all(), f"{name} returned rows that are not distinct and in ascending order.")
    expect(
        0 <= int(rows[0]) <= int(rows[-1]) < n_rows,
        f"{name} returned rows from {int(rows[0])} to {int(rows[-1])}; training rows are 0 to {n_rows - 1}.",
    )


def _check_weights(name: str, sample: Sample) -> None:
    if sample.weights is None:
        return
    weights = sample.weights
    expect(
        weights.dtype == torch.float32 and weights.shape == sample.rows.shape,
        f"{name} returned weights {weights.dtype} of shape {tuple(weights.shape)}; expected torch.float32 of shape "
        f"{tuple(sample.rows.shape)}.",
    )
    expect(weights.isfinite().all() and weights.min() > 0, f"{name} returned weights that are not positive numbers.")
    mean = float(weights.double().mean())
    expect(abs(mean - 1) < MEAN_TOLERANCE, f"{name} returned weights with the mean {mean:g}; expected 1.")


def _check_facts(name: str, sample: Sample) -> None:
    for key, value in sample.facts.items():
        expect(
            isinstance(value, float) and math.isfinite(value),
            f"{name} returned the fact {key}={value!r}; a record holds finite numbers of type float.",
        )
    expect(isinstance(sample.offset, float), f"{name} returned the offset {sample.offset!r}; expected a float.")


def _check_repeats(sampler: Sampler, first: Sample, log: InteractionLog) -> None:
    again = _draw(sampler, log)
    same_weights = (first.weights is None) == (again.weights is None) and (
        first.weights is None or again.weights is None or torch.equal(first.weights, again.weights)
    )
    expect(
        torch.equal(first.rows, again.rows) and same_weights and first.offset == again.offset,
        f"{type(sampler).__name__} returned two different samples for the same generator.",
    )


def _check_ignores_labels(sampler: Sampler, first: Sample, log: InteractionLog) -> None:
    labels = np.array(log.column("label"))
    with TemporaryDirectory(prefix="cadc-testing-") as folder:
        flipped = log_with(log, Path(folder) / "log", label=1 - labels)
        expect(
            torch.equal(_draw(sampler, flipped).rows, first.rows),
            f"{type(sampler).__name__} returned another sample when labels changed; set allows_complement = False, "
            "since a factorisation of the other rows would know of these labels.",
        )
