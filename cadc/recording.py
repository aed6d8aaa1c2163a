"""What a run writes down of itself beside its metrics: costs, bytes and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import nn

from cadc.choices import Config, dim_of_factors, needs_factors, task, used_groups, uses_sampler
from cadc.data.log import InteractionLog
from cadc.embeddings.measured import measure_tables
from cadc.embeddings.stored import stored_state
from cadc.factorization.cached import Fitted
from cadc.identity import file_hash
from cadc.measure import Stopwatch, environment, peak_memory_mb, source_version, table_bytes
from cadc.sampling.sampler import Sample
from cadc.training.fit import FitResult

SCHEMA_VERSION = 3
"""Of records; `cadc.ledger.store` reads the older ones too."""


@dataclass(frozen=True)
class Done:
    """The parts of a run that is over.

    Parameters
    ----------
    log, sample, model : as they were made.
    fitted : the factorisations, of which some may be None.
    fit : of the network, if it is one.
    metrics : of the parts that were judged.
    watch : seconds of the stages.
    """

    log: InteractionLog
    sample: Sample
    model: nn.Module
    fitted: Sequence[Fitted | None]
    fit: FitResult | None
    metrics: Mapping[str, float]
    watch: Stopwatch


def record_of(config: Config, run_id: str, code: str, done: Done, folder: Path) -> dict[str, Any]:
    """Return the record of a finished run, whose other files lie in `folder` already."""
    log, fit = done.log, done.fit
    fitted = [found for found in done.fitted if found]
    return {
        "id": run_id,
        "schema_version": SCHEMA_VERSION,
        "status": "finished",
        "config": config,
        "seed": config["seed"],
        "data": {name: log.meta[name] for name in ("name", "edition", "content_hash", "files", "rows")},
        "code": source_version() | {"hash": code},
        "environment": environment(),
        "task": task(config),
        "metrics": dict(done.metrics),
        "cost": _costs(done),
        "bytes": {
            "embedding": table_bytes(stored_state(done.model)),
            "optimizer": fit.optimizer_bytes if fit else None,
        },
        "tables": measure_tables(done.model),
        "rows": {
            "kept": len(done.sample.rows) if uses_sampler(config) else None,
            "full": log.n_rows("train"),
            "factorized": max((found.n_rows for found in fitted), default=None),
            "validation": max(
                [found.n_validation for found in fitted] + ([fit.n_validation] if fit else []), default=None
            ),
        },
        "sample": dict(done.sample.facts),
        "uses": used_groups(config),
        "factor_dim": dim_of_factors(config) if needs_factors(config) else None,
        "files": {path.name: file_hash(path) for path in sorted(folder.iterdir())},
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _costs(done: Done) -> dict[str, Any]:
    """Return seconds of every stage, epochs, speed and memory.

    Preparing, factorising and what a sampler keeps count what they took when they were done, also where they came from
    the cache.
    """
    fit = done.fit
    factorizations = {key: cost for found in done.fitted if found for key, cost in found.cost.items()}.values()
    seconds = {
        "prepare_s": done.log.meta["prepare_s"],
        "factorize_s": sum(cost["seconds"] for cost in factorizations),
        **done.watch.seconds,
    }
    seconds["sample_s"] += done.sample.seconds
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
<<<<<<< HEAD
=======


def _tables(model: nn.Module) -> dict[str, Any]:
    """Return how far the compressed tables of a model are compressed, and what that costs; empty without any.

    `ratio` is over the compressed fields, `ratio_model` over the tables of all fields: bytes of their float32 vectors
    by those of the files that serve them. `bytes` are of those files, one a table, and `index_bytes` those of them that
    only say where numbers lie; `ratio_without_index` leaves them out. `psnr` (dB) is of the targets that
    tables were projected from, `lookup_ns` nanoseconds for one id.
    """
    collections = [module for module in model.modules() if isinstance(module, EmbeddingCollection)]
    own = [table for found in collections for table in found.compressed_tables()]
    if not any(found.is_compressing for found in collections) or not own:
        return {}
    everything = [table for found in collections for table in found.tables]
    sizes = {id(table): len(file_bytes(table)) for table in everything}  # type: ignore[arg-type]

    def ratio(tables: Sequence[Any], less: int = 0) -> float:
        full = sum(table.n_rows * table.dim * FLOAT32 for table in tables)
        return float(full / (sum(sizes[id(table)] for table in tables) - less))

    n_rows, index_bytes = sum(table.n_rows for table in own), sum(table.index_bytes for table in own)
    of_targets = [table.psnr for table in own if table.psnr is not None]
    return {
        "bytes": sum(sizes[id(table)] for table in own),
        "index_bytes": index_bytes,
        "ratio": ratio(own),
        "ratio_without_index": ratio(own, index_bytes),
        "ratio_model": ratio(everything),
        "psnr": min(of_targets, default=None),
        "lookup_ns": sum(table.lookup_ns() * table.n_rows for table in own) / n_rows,
    }
>>>>>>> lma
