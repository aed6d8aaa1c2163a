"""One run, start to end: prepare, sample, factorise, initialise, train, evaluate, record."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save
from torch import nn

from cadc.choices import (
    Config,
    covers_cold,
    dim_of_factors,
    fitted_rows,
    is_trained,
    needs_factors,
    sampler_needs_factors,
    scores_with_factors,
    seeds,
    source_options,
    task,
    used_groups,
    uses_sampler,
)
from cadc.components import build
from cadc.data.cold import LogWithCold
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.schema import SIDES, Side
from cadc.data.seen_ids import seen_ids
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import DataError
from cadc.factorization.cached import Fitted, fit_factors
from cadc.factorization.crossfit import CrossFitted
from cadc.identity import file_hash
from cadc.measure import Stopwatch, environment, peak_memory_mb, reset_peak_memory, source_version, table_bytes
from cadc.randomness import derive_seed, numpy_generator, torch_generator
from cadc.sampling.sampler import Sample
from cadc.training.fit import FitResult, History, warm_up
from cadc.training.held_out import BY_TASK

SCHEMA_VERSION = 3
"""Of records; `cadc.ledger.store` reads the older ones too."""

SHORT = {"test": "test", "validation": "val"}
"""How the metrics of a part begin."""


def run(
    config: Config,
    run_id: str,
    code: str,
    folder: Path,
    checkpoints: Path | None = None,
    tell: Callable[[History], None] | None = None,
) -> None:
    """Carry out one run; write record, scores, model and curves into `folder`.

    Parameters
    ----------
    config : composed configuration, as `cadc.config.compose_config` returns it.
    run_id, code : the run's id and the hash of the code behind it, see `cadc.ledger.identity`.
    folder : exists and is empty.
    checkpoints : folder that keeps the state of training, where an interrupted run goes on from; None keeps none.
    tell : called after each epoch with the history so far; what it raises ends the run.

    Raises
    ------
    CadcError : for data, options or numbers that allow no result.
    """
    torch.set_num_threads(config["threads"])
    # Our own components draw from generators that they are given; a plug-in's dropout may not.
    torch.manual_seed(derive_seed(seeds(config)["weight"], "global"))
    warm_up(is_trained(config))
    reset_peak_memory()
    watch = Stopwatch()

    log = open_log(config)
    require_labels(log, task(config))
    before_sampling = factorize_for_sampler(config, log)
    with watch.stage("sample_s"):
        sample = draw_sample(config, log, before_sampling)
    fitted = factorize_log(config, log, sample)
    with watch.stage("initialise_s"):
        model = make_model(config, log, fitted, sample)
    with watch.stage("train_s"):
        fit = train(config, model, log, sample, fitted, checkpoints, tell)
    with watch.stage("evaluate_s"):
        table, metrics = evaluate(config, model, log, sample, fit)

    table.to_parquet(folder / BY_TASK[task(config)].saved_as, index=False)
    # Not by safetensors' own writer, whose error on a full disk is no OSError.
    (folder / "model.safetensors").write_bytes(save(model.state_dict()))
    if fit:
        pd.DataFrame(fit.history).to_csv(folder / "metrics.csv", index=False)
    record = {
        "id": run_id,
        "schema_version": SCHEMA_VERSION,
        "status": "finished",
        "config": config,
        "seed": config["seed"],
        "data": {name: log.meta[name] for name in ("name", "edition", "content_hash", "files", "rows")},
        "code": source_version() | {"hash": code},
        "environment": environment(),
        "task": task(config),
        "metrics": metrics,
        "cost": costs(log, sample, [before_sampling, fitted], fit, watch),
        "bytes": {"embedding": table_bytes(model.state_dict()), "optimizer": fit.optimizer_bytes if fit else None},
        "rows": {
            "kept": len(sample.rows) if uses_sampler(config) else None,
            "full": log.n_rows("train"),
            "factorized": max((found.n_rows for found in (before_sampling, fitted) if found), default=None),
            "validation": n_validation(log, fitted, fit),
        },
        "sample": dict(sample.facts),
        "uses": used_groups(config),
        "factor_dim": dim_of_factors(config) if needs_factors(config) else None,
        "files": {path.name: file_hash(path) for path in sorted(folder.iterdir())},
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1, allow_nan=False))


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
    return fit_factors(factorization, log, dim_of_factors(config), "full", torch.arange(0), 0)


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
    return fit_factors(factorization, log, dim_of_factors(config), fitted_rows(config), sample.rows, n_folds)


def make_model(config: Config, log: InteractionLog, fitted: Fitted | None, sample: Sample) -> nn.Module:
    """Return the model with its initial weights."""
    weight_seed = seeds(config)["weight"]
    factors = fitted.factors if fitted else None

    def tables(*sides_of_each: tuple[Side, ...]) -> list[EmbeddingCollection]:
        initializer = build(config["initializer"], "initializer")
        generator = torch_generator(weight_seed, "tables")
        seen = seen_ids(log, sample.rows)
        targets = initializer.targets(log, config["embedding"]["dim"], factors, generator, seen)
        return [
            EmbeddingCollection(
                log.schema,
                lambda fields: build(config["embedding"], "embedding", fields=fields),
                targets,
                initializer.frozen_fields(log.schema, factors),
                sides,
                initializer.unknown_ids(log.schema, factors, seen),
                initializer.id_dropout,
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


def train(
    config: Config,
    model: nn.Module,
    log: InteractionLog,
    sample: Sample,
    fitted: Fitted | None = None,
    checkpoints: Path | None = None,
    tell: Callable[[History], None] | None = None,
) -> FitResult | None:
    """Fit the model in place, if it is one that learns; a network goes on from the checkpoints that are there."""
    if hasattr(model, "fit_sample"):
        model.fit_sample(log, sample.rows, sample.weights, sample.offset)  # type: ignore[operator]
    if not is_trained(config):
        return None
    beside = sample.beside()
    if fitted and isinstance(fitted.factors, CrossFitted):
        beside["fold"] = fitted.factors.fold[sample.rows]
    shuffle = torch_generator(seeds(config)["weight"], "batches")
    fit = build(config["trainer"], "trainer")
    result: FitResult = fit(model, log, sample.rows, shuffle, checkpoints, tell, beside, task(config))
    return result


def evaluate(
    config: Config, model: nn.Module, log: InteractionLog, sample: Sample, fit: FitResult | None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the scores, or ranks, of the part that the run is judged by, and its metrics and validation's."""
    split = config["evaluate"]
    table = score(model, log, split, task(config))
    metrics = {f"{SHORT[split]}/{name}": value for name, value in metrics_of(table).items()}
    if split == "test":
        held_out = fit.validation if fit else metrics_of(score(model, log, "validation", task(config)))
        metrics |= {f"val/{name}": value for name, value in held_out.items()}
    return with_activity(table, log, sample, split), metrics


def score(model: nn.Module, log: InteractionLog, split: str, of_task: str = "ctr") -> pd.DataFrame:
    """Return what `HeldOutRows` or `HeldOutRanks` saves of every row of a split, by the task.

    Raises
    ------
    CadcError : where a score is NaN.
    """
    model.eval()
    with torch.inference_mode():
        return BY_TASK[of_task](log, split).table(model)


def metrics_of(table: pd.DataFrame) -> dict[str, float]:
    """Return all metrics of saved scores or ranks."""
    return BY_TASK["ranking" if "rank" in table else "ctr"].metrics_of(table)


def with_activity(table: pd.DataFrame, log: InteractionLog, sample: Sample, split: str) -> pd.DataFrame:
    """Add how many rows of the sample and of the training part are of each row's user and item."""
    place = pd.Index(log.column("row", split)).get_indexer(table["row"])
    added = {}
    for side in log.entities:
        own = log.column(side, split)[place]
        for name, rows in (("sample", sample.rows), ("train", log.rows("train"))):
            counts = torch.bincount(log.entity_rows(side, rows), minlength=log.n_entities(side))
            added[f"{side}_rows_{name}"] = counts.numpy().astype("int32")[own]
    return table.assign(**added)


def n_validation(log: InteractionLog, fitted: Fitted | None, fit: FitResult | None) -> int | None:
    """Return how many validation rows had a say: a factorisation is stopped by all of them."""
    if fitted:
        return log.n_rows("validation")
    return fit.n_validation if fit else None


def costs(
    log: InteractionLog, sample: Sample, fitted: Sequence[Fitted | None], fit: FitResult | None, watch: Stopwatch
) -> dict[str, Any]:
    """Return seconds of every stage, epochs, speed and memory.

    Preparing, factorising and what a sampler keeps count what they took when they were done, also where they came from
    the cache.
    """
    factorizations = {key: cost for found in fitted if found for key, cost in found.cost.items()}.values()
    seconds = {
        "prepare_s": log.meta["prepare_s"],
        "factorize_s": sum(cost["seconds"] for cost in factorizations),
        **watch.seconds,
    }
    seconds["sample_s"] += sample.seconds
    if fit:
        seconds["train_s"] = fit.seconds
    return seconds | {
        "total_s": sum(seconds.values()),
        "factorize_epochs": sum(cost["epochs"] for cost in factorizations),
        "epochs": fit.epochs if fit else 0,
        "best_epoch": fit.best_epoch if fit else 0,
        "examples_per_s": fit.examples_per_s if fit else None,
        "peak_rss_mb": peak_memory_mb(),
    }


def require_labels(log: InteractionLog, of_task: str) -> None:
    """Raise a DataError for parts whose labels allow no metric: of one class where rows are scored, or all negative."""
    for split, n_positive in log.meta["positives"].items():
        if n_positive == 0 or (of_task == "ctr" and n_positive == log.n_rows(split)):
            why = "AUC is undefined" if of_task == "ctr" else "there is no item to rank"
            raise DataError(
                f"all {log.n_rows(split)} labels of the {split} part of {log.meta['name']} are "
                f"{int(n_positive > 0)}, so {why}; choose another label threshold or split."
            )
