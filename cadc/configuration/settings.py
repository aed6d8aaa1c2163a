"""What a configuration implies: which of its groups a run uses, its seeds, and the length of its factors."""

from collections.abc import Mapping
from os import cpu_count
from typing import Any, Literal

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET, build, defaults
from cadc.errors import UsageError

Config = Mapping[str, Any]
Task = Literal["ctr", "ranking"]
FittedRows = Literal["full", "complement", "crossfit"]

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


def task(config: Config) -> Task:
    """Return `ctr` (rows are scored) or `ranking` (items are ranked for users).

    Raises
    ------
    UsageError : for a task that the model is not made for.
    """
    model = load_class(config["model"][TARGET])
    own, wanted = getattr(model, "task", None), config.get("task", "auto")
    if wanted == "auto":
        return "ranking" if own == "ranking" else "ctr"
    if own is not None and wanted != own:
        raise UsageError(f"task={wanted} does not fit: {model.__name__} is for task={own}.")
    if wanted == "ranking" and not hasattr(model, "item_scorer"):
        raise UsageError(f"task=ranking does not fit: {model.__name__} cannot score all items for a user.")
    return "ranking" if wanted == "ranking" else "ctr"


def starts_from_factors(config: Config) -> bool:
    """Tell whether embedding tables start from a factorisation."""
    return is_trained(config) and getattr(load_class(config["initializer"][TARGET]), "needs_factors", False)


def model_needs_factors(config: Config) -> bool:
    """Tell whether the model itself scores by a factorisation, alone or with what a network adds to it."""
    cls = load_class(config["model"][TARGET])
    is_residual = config["model"].get("residual", defaults(cls).get("residual", False))
    return bool(getattr(cls, "needs_factors", False) or is_residual)


def covers_cold(config: Config) -> bool:
    """Tell whether tables have rows for users and items that never occur in training."""
    return is_trained(config) and bool(build(config["initializer"], "initializer").covers_cold)


def sampler_needs_factors(config: Config) -> bool:
    """Tell whether rows are chosen by a factorisation of all of them."""
    return uses_sampler(config) and getattr(load_class(config["sampler"][TARGET]), "needs_factors", False)


def scores_with_factors(config: Config) -> bool:
    """Tell whether the model, or what its tables start from, asks for a factorisation."""
    return model_needs_factors(config) or starts_from_factors(config)


def needs_factors(config: Config) -> bool:
    """Tell whether anything in a run asks for a factorisation."""
    return scores_with_factors(config) or sampler_needs_factors(config)


def uses_sampler(config: Config) -> bool:
    """Tell whether it matters which rows are sampled: to what is fitted on them, or on the others."""
    fits_sample = getattr(load_class(config["model"][TARGET]), "fits_sample", False)
    return is_trained(config) or fits_sample or (scores_with_factors(config) and fitted_rows(config) == "complement")


def fitted_rows(config: Config) -> FittedRows:
    """Return which rows the factorisation reads."""
    found: FittedRows = config.get("factorization_rows", "full")
    return found


def used_groups(config: Config) -> list[str]:
    """Return the groups of the configuration that this model uses, beside the data."""
    used = ["model"]
    if uses_sampler(config):
        used += ["sampler"]
    if is_trained(config):
        used += ["initializer", "embedding", "trainer"]
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
    if not starts_from_factors(config) and factorization.dim is not None:
        return int(factorization.dim)
    extra_columns = build(config["initializer"], "initializer").extra_columns if starts_from_factors(config) else 0
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
        build(config["embedding"], "embedding")
    task(config)
    if needs_factors(config):
        dim_of_factors(config)
        _check_kind(config)
        _check_rows(config)


def _check_kind(config: Config) -> None:
    """Raise a UsageError where scores that only order rows would be taken for logits of label 1."""
    model, factorization = (load_class(config[group][TARGET]) for group in ("model", "factorization"))
    reads_logits = model_needs_factors(config) and not getattr(model, "fits_sample", False)
    if task(config) == "ctr" and reads_logits and getattr(factorization, "kind", "logit") == "score":
        raise UsageError(
            f"{factorization.__name__} gives scores that only order rows, where {model.__name__} takes logits of "
            "label 1; set model=platt, which fits such to the labels, or factorization=logistic."
        )


def _check_rows(config: Config) -> None:
    """Raise a UsageError where the rows that a factorisation is to read would tell of those that it must not know."""
    if config.get("factorization_folds", 2) < 2:
        raise UsageError(f"factorization_folds is {config['factorization_folds']}; cross-fitting needs at least 2.")
    if fitted_rows(config) == "complement" and scores_with_factors(config):
        sampler = load_class(config["sampler"][TARGET])
        if not getattr(sampler, "allows_complement", False):
            raise UsageError(
                f"factorization_rows=complement needs a sampler that takes rows one by one and without looking at "
                f"their labels, which {sampler.__name__} does not; set factorization_rows=crossfit."
            )
        if config["sampler"].get("rate") == 1:
            raise UsageError(
                "the sample holds all training rows, so factorization_rows=complement has none to read; lower "
                "sampler.rate, or set factorization_rows=crossfit."
            )
