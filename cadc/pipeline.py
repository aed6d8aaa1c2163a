"""One run, start to end: prepare, sample, factorise, initialise, train, evaluate, record."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from torch import Tensor, nn

from cadc.choices import Config, dim_of_factors, is_trained, needs_factors, seeds, source_options, used_groups
from cadc.components import build
from cadc.data.batches import EVALUATION_BATCH, BatchLoader
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import CadcError, DataError
from cadc.evaluation.auc import auc
from cadc.evaluation.logloss import logloss
from cadc.factorization.cached import factorize
from cadc.factorization.factors import Factors
from cadc.identity import file_hash
from cadc.measure import Stopwatch, environment, peak_memory_mb, reset_peak_memory, source_version
from cadc.randomness import derive_seed, numpy_generator, torch_generator
from cadc.training.fit import FitResult, History, warm_up

SCHEMA_VERSION = 2
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
    _require_both_classes(log)
    with watch.stage("sample_s"):
        rows = sample_rows(config, log)
    factors, factorization_cost = factorize_log(config, log)
    with watch.stage("initialise_s"):
        model = make_model(config, log, factors)
    fit = train(config, model, log, rows, checkpoints, tell)
    with watch.stage("evaluate_s"):
        scores = score(model, log, config["evaluate"])
        metrics = {f"{SHORT[config['evaluate']]}/{name}": value for name, value in metrics_of(scores).items()}

    if config["evaluate"] == "test":
        held_out = fit.validation if fit else metrics_of(score(model, log, "validation"))
        metrics |= {f"val/{name}": value for name, value in held_out.items()}
    scores.to_parquet(folder / "scores.parquet", index=False)
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
        "metrics": metrics,
        "cost": costs(log, factorization_cost, fit, watch),
        "bytes": {"embedding": table_bytes(model), "optimizer": fit.optimizer_bytes if fit else None},
        "rows": {"kept": len(rows) if fit else None, "full": log.n_rows("train")},
        "uses": used_groups(config),
        "factor_dim": dim_of_factors(config) if factors else None,
        "files": {path.name: file_hash(path) for path in sorted(folder.iterdir())},
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1, allow_nan=False))


def open_log(config: Config) -> InteractionLog:
    """Return the prepared log that a configuration names."""
    data = config["data"]
    return prepare(build(source_options(config), "data"), build(data["split"], "data.split"), data["split_seed"])


def sample_rows(config: Config, log: InteractionLog) -> Tensor:
    """Return the numbers of the training rows that the network sees, int64."""
    if not is_trained(config):
        return torch.arange(0)
    sampler = build(config["sampler"], "sampler")
    rows: Tensor = sampler(log, numpy_generator(seeds(config)["sample"], "sample"))
    return rows


def factorize_log(config: Config, log: InteractionLog) -> tuple[Factors | None, dict[str, float]]:
    """Return the factors of the whole training part and their cost, if this run asks for any."""
    if not needs_factors(config):
        return None, {"seconds": 0.0, "epochs": 0}
    factorization = build(config["factorization"], "factorization")
    return factorize(factorization, log, log.rows("train"), dim_of_factors(config))


def make_model(config: Config, log: InteractionLog, factors: Factors | None) -> nn.Module:
    """Return the model with its initial weights."""
    weight_seed = seeds(config)["weight"]

    def embeddings() -> EmbeddingCollection:
        initializer = build(config["initializer"], "initializer")
        generator = torch_generator(weight_seed, "tables")
        targets = initializer.targets(log.schema, config["embedding"]["dim"], factors, generator)
        return EmbeddingCollection(
            log.schema,
            lambda fields: build(config["embedding"], "embedding", fields=fields),
            targets,
            initializer.frozen_fields(log.schema, factors),
        )

    model: nn.Module = build(
        config["model"],
        "model",
        embeddings=embeddings,
        factors=factors,
        schema=log.schema,
        n_dense=len(log.schema.dense),
        generator=torch_generator(weight_seed, "network"),
    )
    return model


def train(
    config: Config,
    model: nn.Module,
    log: InteractionLog,
    rows: Tensor,
    checkpoints: Path | None = None,
    tell: Callable[[History], None] | None = None,
) -> FitResult | None:
    """Fit the model in place, if it is one that is trained; it goes on from the checkpoints that are there."""
    if not is_trained(config):
        return None
    shuffle = torch_generator(seeds(config)["weight"], "batches")
    result: FitResult = build(config["trainer"], "trainer")(model, log, rows, shuffle, checkpoints, tell)
    return result


def score(model: nn.Module, log: InteractionLog, split: str) -> pd.DataFrame:
    """Return row (place in the raw log), user, label and float64 probability of every row of a split.

    Raises
    ------
    CadcError : where a probability is NaN.
    """
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(batch) for batch in BatchLoader(log, log.rows(split), EVALUATION_BATCH)])
    probability = logits.double().sigmoid().numpy()
    if np.isnan(probability).any():
        raise CadcError(f"{np.isnan(probability).sum()} scores of the {split} part are NaN; no metric is computed.")
    columns = {
        "row": log.column("row", split),
        "label": log.column("label", split),
        "probability": probability,
    }
    if "user" in log.entities:
        columns["user"] = log.entity_keys("user")[log.column("user", split) - 1]
    return pd.DataFrame(columns)


def metrics_of(scores: pd.DataFrame) -> dict[str, float]:
    """Return AUC and logloss of saved scores."""
    label, probability = scores["label"].to_numpy(), scores["probability"].to_numpy()
    return {"auc": auc(label, probability), "logloss": logloss(label, probability)}


def costs(
    log: InteractionLog, factorization_cost: Mapping[str, float], fit: FitResult | None, watch: Stopwatch
) -> dict[str, Any]:
    """Return seconds of every stage, epochs, speed and memory.

    Preparing and factorising count what they took when they were done, also where they came from the cache.
    """
    seconds = {
        "prepare_s": log.meta["prepare_s"],
        "factorize_s": factorization_cost["seconds"],
        "train_s": fit.seconds if fit else 0.0,
        **watch.seconds,
    }
    return seconds | {
        "total_s": sum(seconds.values()),
        "factorize_epochs": factorization_cost["epochs"],
        "epochs": fit.epochs if fit else 0,
        "best_epoch": fit.best_epoch if fit else 0,
        "examples_per_s": fit.examples_per_s if fit else None,
        "peak_rss_mb": peak_memory_mb(),
    }


def table_bytes(model: nn.Module) -> int | None:
    """Return the size of the model's embedding tables when written to disk for serving, if it has any."""
    tables = getattr(model, "embeddings", model).state_dict()
    return len(save(tables)) if tables else None


def _require_both_classes(log: InteractionLog) -> None:
    for split, n_positive in log.meta["positives"].items():
        if n_positive in (0, log.n_rows(split)):
            raise DataError(
                f"all {log.n_rows(split)} labels of the {split} part of {log.meta['name']} are "
                f"{int(n_positive > 0)}, so AUC is undefined; choose another label threshold or split."
            )
