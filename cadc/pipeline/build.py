"""The parts of a run, made from its configuration: log, sample, factors and model."""

import torch

from cadc.configuration.components import build
from cadc.configuration.settings import (
    Config,
    covers_cold,
    dim_of_factors,
    fitted_rows,
    is_trained,
    sampler_needs_factors,
    scores_with_factors,
    seeds,
    source_options,
    uses_sampler,
)
from cadc.data.cold_ids import LogWithColdIds
from cadc.data.log import InteractionLog
from cadc.data.preparation import prepare
from cadc.data.schema import SIDES, Side
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initial_values import initial_values
from cadc.factorization.cached import Fitted, fit_factors
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factors import Factors
from cadc.models.model import Model
from cadc.randomness import numpy_generator, torch_generator
from cadc.sampling.sampler import Sample


def open_log(config: Config) -> InteractionLog:
    """Return the prepared log that a configuration names."""
    data = config["data"]
    log = prepare(build(source_options(config), "data"), build(data["split"], "data.split"), data["split_seed"])
    return LogWithColdIds(log.folder) if covers_cold(config) else log


def factorize_for_sampler(config: Config, log: InteractionLog) -> Fitted | None:
    """Return the factors of the whole training part, for a sampler that chooses rows by them."""
    if not sampler_needs_factors(config) or config["sampler"].get("rate") == 1:
        return None
    factorization = build(config["factorization"], "factorization")
    return fit_factors(factorization, log, dim_of_factors(config), "full", torch.arange(0), 0, _validation_rate(config))


def draw_sample(config: Config, log: InteractionLog, fitted: Fitted | None = None) -> Sample:
    """Return the training rows that the network sees; none where nothing is fitted on them."""
    if not uses_sampler(config):
        return Sample(torch.arange(0))
    sampler = build(config["sampler"], "sampler")
    factors = None if fitted is None else lambda: fitted.factors
    sample: Sample = sampler(log, numpy_generator(seeds(config)["sample"], "sample"), factors)
    return sample


def factorize_log(config: Config, log: InteractionLog, sample: Sample) -> Fitted | None:
    """Return the factors that tables start from, or that the model scores by, if this run asks for any."""
    if not scores_with_factors(config):
        return None
    factorization = build(config["factorization"], "factorization")
    n_folds = config["factorization_folds"]
    which, rate = fitted_rows(config), _validation_rate(config)
    return fit_factors(factorization, log, dim_of_factors(config), which, sample.rows, n_folds, rate)


def _validation_rate(config: Config) -> float:
    """Return which share of the validation part the run may read: a factorisation beside a network no more than it."""
    return float(config["trainer"].get("validation_rate", 1.0)) if is_trained(config) else 1.0


def make_model(config: Config, log: InteractionLog, fitted: Fitted | None, sample: Sample) -> Model:
    """Return the model with its initial weights."""
    factors = fitted.factors if fitted else None

    def embeddings() -> EmbeddingCollection:
        return _tables(config, log, factors, sample, SIDES)[0]

    def towers() -> dict[str, EmbeddingCollection]:
        of_users, of_items = _tables(config, log, factors, sample, ("user", "context"), ("item",))
        return {"user": of_users, "item": of_items}

    model: Model = build(
        config["model"],
        "model",
        embeddings=embeddings,
        towers=towers,
        factors=factors,
        schema=log.schema,
        n_dense=len(log.schema.dense),
        generator=torch_generator(seeds(config)["weight"], "network"),
    )
    model.begin(log, sample.rows)
    return model


def _tables(
    config: Config,
    log: InteractionLog,
    factors: Factors | CrossFitted | None,
    sample: Sample,
    *sides_of_each: tuple[Side, ...],
) -> list[EmbeddingCollection]:
    """Return the embedding tables of some sides, once for each that is named, all from the same initial values."""
    seed = seeds(config)["weight"]
    initializer = build(config["initializer"], "initializer")
    scheme = build(config["embedding"], "embedding")
    start = initial_values(initializer, scheme, log, factors, sample.rows, torch_generator(seed, "tables"))
    return [
        EmbeddingCollection(log.schema, scheme, start, sides, torch_generator(seed, f"scheme {'+'.join(sides)}"))
        for sides in sides_of_each
    ]
