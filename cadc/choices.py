"""What a configuration implies: which of its groups a run uses, its seeds, and the length of its factors."""

from collections.abc import Mapping
from os import cpu_count
from typing import Any

from cadc.components import TARGET, build, load_class
from cadc.errors import UsageError

Config = Mapping[str, Any]

BESIDE_SOURCE = ("split", "split_seed")
"""Keys of the group `data` that are no options of its source."""


def source_options(config: Config) -> dict[str, Any]:
    """Return `_target_` and options of the data source alone."""
    return {key: value for key, value in config["data"].items() if key not in BESIDE_SOURCE}


def seeds(config: Config) -> dict[str, int]:
    """Return the seeds of sample and weights; each is `seed` unless set apart."""
    return {
        name: config["seed"] if config[f"{name}_seed"] is None else config[f"{name}_seed"]
        for name in ("sample", "weight")
    }


def is_trained(config: Config) -> bool:
    """Tell whether the model is a network that trains on the sample."""
    return bool(getattr(load_class(config["model"][TARGET]), "trainable", True))


def needs_factors(config: Config) -> bool:
    """Tell whether the model, or what its tables start from, asks for a factorisation."""
    initializer = load_class(config["initializer"][TARGET])
    starts_from_factors = is_trained(config) and getattr(initializer, "needs_factors", False)
    model = load_class(config["model"][TARGET])
    return getattr(model, "needs_factors", False) or bool(config["model"].get("residual")) or starts_from_factors


def used_groups(config: Config) -> list[str]:
    """Return the groups of the configuration that this model uses, beside the data."""
    used = ["model"]
    if is_trained(config):
        used += ["sampler", "initializer", "embedding", "trainer"]
    if needs_factors(config):
        used += ["factorization"]
    return used


def dim_of_factors(config: Config) -> int:
    """Return the length of the factors' vectors, or raise where factorisation and table do not fit."""
    forced = getattr(load_class(config["model"][TARGET]), "factor_dim", None)
    if forced is not None:
        return int(forced)
    from cadc.factorization.cached import factor_dim

    factorization = build(config["factorization"], "factorization")
    if not is_trained(config) and factorization.dim is not None:
        return int(factorization.dim)
    extra_columns = build(config["initializer"], "initializer").extra_columns if is_trained(config) else 0
    return factor_dim(factorization, config["embedding"]["dim"], extra_columns)


def check(config: Config) -> None:
    """Raise a UsageError for options that no component accepts, before data is read or anything is run."""
    if not 1 <= config["threads"] <= (cpu_count() or 1):
        raise UsageError(f"threads is {config['threads']}; this machine has {cpu_count()} processors.")
    build(config["data"]["split"], "data.split")
    for group in set(used_groups(config)) & {"sampler", "initializer", "factorization", "trainer"}:
        build(config[group], group)
    if not hasattr(build(config["logger"], "logger"), "mirror"):
        raise UsageError(f"logger._target_ is {config['logger'][TARGET]}, which mirrors no runs.")
    if is_trained(config):
        build(config["embedding"], "embedding", fields=())
    if needs_factors(config):
        dim_of_factors(config)
