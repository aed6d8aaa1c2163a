"""The samplers of a study: Optuna's, by the names that `tune.sampler` takes."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from cadc.errors import UsageError

SamplerName = Literal["tpe", "random", "qmc", "gp", "cmaes", "nsga2"]

TOGETHER = ("gp", "cmaes", "nsga2")
"""Samplers that choose all options of a trial together, from trials that hold all of them."""

COVER_FIRST = ("tpe", *TOGETHER)
"""Samplers that learn from trials which cover the space evenly."""


def require_sampler(name: str, n_metrics: int, of: Mapping[str, BaseDistribution]) -> None:
    """Raise a UsageError if a sampler cannot search a space, or its package is not installed.

    Parameters
    ----------
    name : of the sampler.
    n_metrics : number of metrics that are tuned.
    of : the distribution of each option.
    """
    if name != "cmaes":
        return
    if n_metrics > 1:
        raise UsageError(
            f"tune.sampler=cmaes takes a single metric, but tune.metric has {n_metrics}; choose nsga2, gp or tpe."
        )
    if all(isinstance(each, CategoricalDistribution) or each.single() for each in of.values()):
        raise UsageError(
            "tune.sampler=cmaes searches ranges, but tune.space has choices alone; choose tpe, gp or nsga2, or add a "
            "range such as trainer.learning_rate: {low: 0.001, high: 0.01, log: true}."
        )
    if find_spec("cmaes") is None:
        raise UsageError("tune.sampler=cmaes needs cmaes, which is not installed; run `pip install 'cadc[cmaes]'`.")


def sampler_of_one(name: str, seed: int) -> BaseSampler:
    """Return the sampler that chooses options one by one: TPE, or at random.

    Parameters
    ----------
    name : of the sampler; only `tpe` learns.
    seed : of what it draws.
    """
    if name != "tpe":
        return RandomSampler(seed)
    # Running trials count as bad, so that two processes do not try nearly the same options.
    return TPESampler(seed=seed, n_startup_trials=1, constant_liar=True)


def sampler_of_all(name: str, seed: int, population: int) -> BaseSampler:
    """Return the sampler that chooses all options of a trial together.

    Parameters
    ----------
    name : one of `TOGETHER`.
    seed : of what it draws.
    population : trials of a generation of NSGA-II.
    """
    if name == "gp":
        return GPSampler(seed=seed, n_startup_trials=1, warn_independent_sampling=False)
    if name == "cmaes":
        return CmaEsSampler(seed=seed, n_startup_trials=1, warn_independent_sampling=False)
    return NSGAIISampler(seed=seed, population_size=max(2, population))
