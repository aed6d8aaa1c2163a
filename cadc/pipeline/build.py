"""The parts of a run, made from its configuration: log, sample, factors and model."""

import torch
from torch import nn

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
from cadc.data.cold_ids import LogWithCold
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.schema import SIDES, Side
from cadc.data.seen_ids import seen_ids
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.collection import EmbeddingCollection
from cadc.factorization.cached import Fitted, fit_factors
from cadc.randomness import numpy_generator, torch_generator
from cadc.sampling.sampler import Sample


def open_log(config: Config) -> InteractionLog:
    """Return the prepared log that a configuration names."""
    data = config["data"]
    log = prepare(build(source_options(config), "data"), build(data["split"], "data.split"), data["split_seed"])
    return LogWithCold(log.folder) if covers_cold(config) else log


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


def make_model(config: Config, log: InteractionLog, fitted: Fitted | None, sample: Sample) -> nn.Module:
    """Return the model with its initial weights."""
    weight_seed = seeds(config)["weight"]
    factors = fitted.factors if fitted else None

    def tables(*sides_of_each: tuple[Side, ...]) -> list[EmbeddingCollection]:
        initializer = build(config["initializer"], "initializer")
        scheme = build(config["embedding"], "embedding")
        generator = torch_generator(weight_seed, "tables")
        seen = seen_ids(log, sample.rows)
        compressed = [field.name for field in log.schema.fields if scheme.is_compressed(field)]
        enriched = initializer.enriched_fields(log.schema, factors)
        scheme.require_start([name for name in compressed if name in enriched])
        rowless = () if scheme.table_class.holds_rows else compressed
        targets = initializer.targets(log, scheme.dim, factors, generator, seen, rowless)
        statistics = Statistics.of(log) if scheme.needs_statistics else NOTHING_KNOWN
        targets = scheme.arranged(targets, enriched, initializer.extra_columns, statistics)
        return [
            EmbeddingCollection(
                log.schema,
                scheme,
                targets,
                initializer.frozen_fields(log.schema, factors),
                sides,
                initializer.unknown_ids(log.schema, factors, seen),
                initializer.id_dropout,
                enriched,
                statistics,
                initializer.std,
                torch_generator(weight_seed, f"scheme {'+'.join(sides)}"),
                initializer.kept_columns(log.schema, factors),
            )
            for sides in sides_of_each
        ]

    def embeddings() -> EmbeddingCollection:
        return tables(SIDES)[0]

    def towers() -> dict[str, EmbeddingCollection]:
        of_users, of_items = tables(("user", "context"), ("item",))
        return {"user": of_users, "item": of_items}

    model: nn.Module = build(
        config["model"],
        "model",
        embeddings=embeddings,
        towers=towers,
        factors=factors,
        schema=log.schema,
        n_dense=len(log.schema.dense),
        generator=torch_generator(weight_seed, "network"),
    )
    if hasattr(model, "begin"):
        model.begin(log, sample.rows)  # type: ignore[operator]
    return model
