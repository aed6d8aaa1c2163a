"""One run that is a stream, start to end: its segments, its files and its record."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save

from cadc.embeddings.base.serving_state import stored_state
from cadc.errors import DataError
from cadc.evaluation.prefixes import VALIDATION, prefixed
from cadc.evaluation.tasks import BY_TASK, metrics_of
from cadc.pipeline.record import Done, record_of
from cadc.pipeline.settings import Settings
from cadc.pipeline.stream import StreamRun
from cadc.provenance.costs import separate_memory
from cadc.provenance.threads import threads
from cadc.randomness import derive_seed
from cadc.storage.run_files import CURVES, MODEL, RECORD
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit_state import History


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
    `segments`. The model that is saved is that of the last segment.
    """
    with threads(settings.threads):
        # Components of cadc draw from generators that they are given; the dropout of a plug-in may not.
        torch.manual_seed(derive_seed(settings.seeds.weights, "global"))
        stream = StreamRun(settings, None if checkpoints is None else checkpoints.below("stream"), tell)
        stream()
        progress = stream.progress
        if stream.last is None:
            raise DataError(f"no segment of {stream.log.meta['name']} can be judged; set data.split.n lower.")
        table = pd.concat(progress.tables, ignore_index=True)
        table.to_parquet(folder / BY_TASK[settings.task].saved.file, index=False)
        (folder / MODEL).write_bytes(save(stored_state(stream.last.model)))
        pd.DataFrame(progress.history()).to_csv(folder / CURVES, index=False)
        each = [own["metrics"] for own in progress.segments]
        metrics = prefixed(settings.evaluated, metrics_of(table, settings.task))
        on_validation = [name for name in each[0] if name.startswith(VALIDATION)]
        metrics |= {name: sum(own[name] for own in each) / len(each) for name in on_validation}
        fit = replace(
            stream.last.fit,
            seconds=sum(own["seconds"] for own in progress.segments),
            epochs=sum(own["epochs"] for own in progress.segments),
            n_validation=sum(own["rows"]["validation"] for own in progress.segments),
        )
        done = Done(stream.log, stream.last.sample, stream.last.model, [], None, fit, metrics, stream.watch)
        record = record_of(settings, run_id, code, done, folder) | {"segments": progress.segments}
        (folder / RECORD).write_text(json.dumps(record, indent=1, allow_nan=False))
