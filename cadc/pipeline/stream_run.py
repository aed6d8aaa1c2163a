"""One run that is a stream, start to end: its segments, its files and its record."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from cadc.embeddings.base.weights_file import stored_parts, write_weights
from cadc.errors import DataError
from cadc.evaluation.prefixes import VALIDATION, prefixed
from cadc.evaluation.saved_metrics import metrics_of
from cadc.evaluation.tasks import BY_TASK
from cadc.pipeline.record import Done, record_of
from cadc.pipeline.settings import Settings
from cadc.pipeline.stream import StreamRun
from cadc.provenance.costs import Stopwatch, separate_memory
from cadc.provenance.energy import metering
from cadc.provenance.threads import threads
from cadc.randomness import derive_seed
from cadc.storage.run_files import CURVES, MODEL, RECORD
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_state import History

STREAM = "stream"
"""Sub-folder of the checkpoints of a run that is a stream."""


@separate_memory()
def run_stream(
    settings: Settings,
    run_id: str,
    code: str,
    folder: Path,
    checkpoints: CheckpointFolder | None = None,
    tell: Callable[[History], None] | None = None,
) -> None:
    """Carry out a run that is a stream; for the arguments see `cadc.pipeline.run.run`.

    Metrics are of the held-out rows of all segments together; those of each segment are in the record under
    `segments`. The model that is saved is that of the last segment. Costs are sums over segments, whichever process
    carried them out, and so are numbers of rows.
    """
    kept = None if checkpoints is None else checkpoints.below(STREAM)
    with threads(settings.threads), metering(settings.measures_energy, is_whole=not kept) as energy:
        # Components of cadc draw from generators that they are given; the dropout of a plug-in may not.
        torch.manual_seed(derive_seed(settings.seeds.weights, "global"))
        stream = StreamRun(settings, kept, tell)
        stream()
        progress = stream.progress
        if stream.last is None:
            first, why = next(iter(stream.stream.skipped().items()))
            raise DataError(
                f"no segment of {stream.log.meta['name']} can be judged; segment {first + 1} is left out, since {why}; "
                "set data.split.n lower, or choose other labels."
            )
        table = pd.concat(progress.tables, ignore_index=True)
        table.to_parquet(folder / BY_TASK[settings.task].saved.file, index=False)
        write_weights(stored_parts(stream.last.model), folder / MODEL)
        pd.DataFrame(progress.history()).to_csv(folder / CURVES, index=False)
        metrics = prefixed(settings.evaluated, metrics_of(table, settings.task))
        if settings.evaluated == "test":
            metrics |= _mean_on_validation(progress.segments)
        model, sample, fit, fitted, _ = stream.last
        watch = Stopwatch()
        watch.seconds["sample_s"] = 0.0
        done = Done(stream.log, sample, model, fitted, None, fit, metrics, watch, energy)
        record = record_of(settings, run_id, code, done, folder) | {"segments": progress.segments}
        record["cost"] |= _costs(progress.segments, record["cost"]["prepare_s"])
        record["rows"] |= _rows(progress.segments)
        (folder / RECORD).write_text(json.dumps(record, indent=1, allow_nan=False))


def _mean_on_validation(segments: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the means of what the models reached on the validation parts of their segments."""
    each = [own["metrics"] for own in segments]
    names = [name for name in each[0] if name.startswith(VALIDATION)]
    return {name: sum(own[name] for own in each) / len(each) for name in names}


def _costs(segments: Sequence[Mapping[str, Any]], prepare_s: float) -> dict[str, float]:
    """Return the costs of all segments together, and with that of the preparation."""
    seconds = {name: sum(own["cost"][name] for own in segments) for name in segments[0]["cost"]}
    epochs = {name: sum(own[name] for own in segments) for name in ("epochs", "factorize_epochs")}
    return seconds | epochs | {"total_s": prepare_s + sum(seconds.values())}


def _rows(segments: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """Return how many training and validation rows the segments read: each row once, though it may be replayed."""
    rows = [own["rows"] for own in segments]
    return {
        "kept": sum(own["kept"] for own in rows),
        "full": sum(own["train"] - own["replayed"] for own in rows),
        "factorized": max((own["factorized"] for own in rows if own["factorized"] is not None), default=None),
        "validation": sum(own["read_validation"] for own in rows),
    }
