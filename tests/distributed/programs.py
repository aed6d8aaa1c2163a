"""What ranks do in tests, called by name in processes of their own."""

from collections.abc import Sequence
from typing import Any

import torch

from cadc.data.batches import BatchLoader
from cadc.distributed import Ranks
from cadc.evaluation.tasks import BY_TASK
from cadc.pipeline.build import batch_columns
from cadc.pipeline.run import begin
from cadc.pipeline.settings import Settings
from cadc.randomness import torch_generator


def losses(
    ranks: Ranks, overrides: Sequence[str], n_steps: int = 100, dtype: str = "float32", batch_size: int | None = None
) -> dict[str, Any]:
    """Train for some steps; return the loss of each, and sum and norm of all weights."""
    settings = Settings.compose(overrides)
    begun = begin(settings)
    fit, log, model = settings.build_fit(), begun.log, begun.model
    model.fit_sample(log, begun.sample.rows, begun.sample.weights, begun.sample.offset)
    kind = {"float32": torch.float32, "float64": torch.float64}[dtype]
    model.to(kind)
    held_out = BY_TASK[settings.task](log, "validation")
    state = fit.begun(model, log, begun.sample.rows, held_out)
    rows = begun.sample.rows
    beside = batch_columns(begun.sample, begun.fitted)
    groups = log.field_ids("user", rows) if model.shuffles_users else None
    generator = torch_generator(settings.seeds.weights, "batches")
    loader = BatchLoader(log, rows, batch_size or fit.rows_per_step(len(rows)), generator, beside, groups, ranks)
    found: list[float] = []
    model.train()
    noted = state.note

    def note(loss: torch.Tensor) -> None:
        found.append(float(loss))
        noted(loss)

    state.note = note
    while len(found) < n_steps:
        for batch in loader:
            batch.label, batch.dense = batch.label.to(kind), batch.dense.to(kind)
            state.step(batch, loader.portion)
    weights = torch.cat([weight.detach().double().flatten() for weight in model.parameters()])
    return {"losses": found[:n_steps], "weights": [float(weights.sum()), float(weights.norm())]}
