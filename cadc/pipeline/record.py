"""The record of a finished run: configuration, data, code, environment, metrics, costs, bytes and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cadc.data.log import InteractionLog
from cadc.distributed.ranks import current_ranks
from cadc.embeddings.base.weights_file import stored_parts
from cadc.embeddings.measured import measure_tables, table_bytes
from cadc.embeddings.sharded.table import sharded_tables
from cadc.factorization.fitted_rows import Fitted
from cadc.models.model import Model
from cadc.pipeline.schema_version import SCHEMA_VERSION
from cadc.pipeline.settings import Settings
from cadc.provenance.costs import Stopwatch, peak_memory_mb
from cadc.provenance.energy import EnergyMeter
from cadc.provenance.environment import environment, source_version
from cadc.provenance.fingerprint import file_hash
from cadc.sampling.sampler import Sample
from cadc.storage.run_files import MODEL
from cadc.training.fit_result import FitResult
from cadc.views.fitted_views import FittedViews


@dataclass(frozen=True)
class Done:
    """The parts of a finished run.

    Parameters
    ----------
    log, sample, model : as `cadc.pipeline.build` made them.
    fitted : the factorisations; None for one that the run did not need.
    views : that the model reads; None without any.
    fit : of the network; None for a model that is not a network.
    metrics : by their name in the record.
    watch : seconds of the stages.
    energy : of the run; None where nobody asked.
    """

    log: InteractionLog
    sample: Sample
    model: Model
    fitted: Sequence[Fitted | None]
    views: FittedViews | None
    fit: FitResult | None
    metrics: Mapping[str, float]
    watch: Stopwatch
    energy: EnergyMeter | None = None


def record_of(settings: Settings, run_id: str, code: str, done: Done, folder: Path) -> dict[str, Any]:
    """Return the record of a finished run.

    Parameters
    ----------
    settings, run_id, code : of the run, see `cadc.pipeline.run.run`.
    done : its parts.
    folder : with all other files of the run, whose hashes the record holds.
    """
    log, fit = done.log, done.fit
    fitted = [found for found in done.fitted if found]
    views = [done.views] if done.views else []
    return {
        "id": run_id,
        "schema_version": SCHEMA_VERSION,
        "status": "finished",
        "config": dict(settings.config),
        "seed": settings.config["seed"],
        "data": {name: log.meta[name] for name in ("name", "edition", "content_hash", "files", "rows")}
        | {key: said for key in ("rating_hash", "options", "split_remark", "remarks") if (said := log.meta.get(key))},
        "code": source_version() | {"hash": code},
        "environment": environment()
        | ({"fleet": fit.fleet} if fit and fit.fleet > 1 else {})
        | ({} if (ranks := current_ranks()).is_alone else {"ranks": ranks.facts() | {"tables": _tables(done)}}),
        "task": settings.task,
        "metrics": dict(done.metrics),
        "cost": _costs(done),
        "bytes": {
            "embedding": table_bytes(stored_parts(done.model)),
            "optimizer": fit.optimizer_bytes if fit else None,
            # Tables, indices, codebooks and network, as they are stored for serving.
            "model": (folder / MODEL).stat().st_size if (folder / MODEL).exists() else None,
        },
        "tables": measure_tables(done.model),
        "rows": {
            "kept": len(done.sample.rows) if settings.sampler is not None else None,
            "full": log.n_rows("train"),
            "factorized": max([found.n_rows for found in fitted] + [found.n_rows for found in views], default=None),
            "validation": max(
                [found.n_validation for found in fitted]
                + [found.n_validation for found in views]
                + ([fit.n_validation] if fit else [])
                + ([] if done.model.n_validation is None else [done.model.n_validation]),
                default=None,
            ),
        },
        "sample": dict(done.sample.facts),
        **({"remark": fit.remark} if fit and fit.remark else {}),
        "penalties": _penalties(fitted),
        "absent": {field: n for found in fitted for field, n in found.n_absent.items()},
        "uses": settings.uses,
        "factor_dim": settings.factor_dim,
        "files": {path.name: file_hash(path) for path in sorted(folder.iterdir())},
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _tables(done: Done) -> str:
    """Return how several ranks held the tables of a model."""
    return "sharded" if sharded_tables(done.model) else "replicated"


def _penalties(fitted: Sequence[Fitted]) -> dict[str, list[float]]:
    """Return the penalties that the factorisations came to, by name: a number for each fit, so one for each fold."""
    costs = {key: cost for found in fitted for key, cost in found.cost.items()}.values()
    names = dict.fromkeys(name for cost in costs for name in cost if name not in ("seconds", "epochs"))
    return {name: [cost[name] for cost in costs if name in cost] for name in names}


def _costs(done: Done) -> dict[str, Any]:
    """Return seconds of every stage, epochs, speed and memory.

    Stages that came from the cache count the seconds that they took when they were computed. Of a training in a fleet
    (`environment.fleet` is its number of arms) the arm's share counts; the peak of memory is that of the whole fleet.
    """
    fit = done.fit
    by_key = {key: cost for found in done.fitted if found for key, cost in found.cost.items()}
    factorizations = (by_key | (done.views.factorizations if done.views else {})).values()
    seconds = {
        "prepare_s": done.log.meta["prepare_s"],
        "factorize_s": sum(cost["seconds"] for cost in factorizations),
        **({"views_s": sum(done.views.seconds.values())} if done.views else {}),
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
        **({"energy_kwh": done.energy.kwh()} if done.energy else {}),
    }
