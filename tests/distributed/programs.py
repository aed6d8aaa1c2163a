"""What ranks do in tests, in processes of their own."""

from collections.abc import Sequence
from typing import Any

import torch

from cadc.data.batches import BatchLoader
from cadc.distributed import Ranks
from cadc.evaluation.tasks import BY_TASK
from cadc.pipeline.build import batch_columns
from cadc.pipeline.run import begin, train
from cadc.pipeline.settings import Settings
from cadc.randomness import torch_generator


def losses(ranks: Ranks, overrides: Sequence[str], n_steps: int = 100, dtype: str = "float32") -> dict[str, Any]:
    """Train for some steps; return the loss of each, sum and norm of all weights, and sizes of this rank's batches."""
    settings = Settings.compose(overrides)
    begun = begin(settings)
    fit, log, model, rows = settings.build_fit(), begun.log, begun.model, begun.sample.rows
    model.fit_sample(log, rows, begun.sample.weights, begun.sample.offset)
    kind = {"float32": torch.float32, "float64": torch.float64}[dtype]
    model.to(kind)
    state = fit.begun(model, log, rows, BY_TASK[settings.task](log, "validation"))
    groups = log.field_ids("user", rows) if model.shuffles_users else None
    generator, beside = torch_generator(settings.seeds.weights, "batches"), batch_columns(begun.sample, begun.fitted)
    loader = BatchLoader(log, rows, fit.rows_per_step(len(rows)), generator, beside, groups, ranks)
    found: list[float] = []
    sizes: set[int] = set()
    noted = state.note

    def note(loss: torch.Tensor) -> None:
        found.append(float(loss))
        noted(loss)

    state.note = note  # type: ignore[method-assign]
    model.train()
    while len(found) < n_steps:
        for batch in loader:
            batch.label, batch.dense = batch.label.to(kind), batch.dense.to(kind)
            state.step(batch, loader.portion)
            sizes.add(loader.portion.n)
    weights = torch.cat([weight.detach().double().flatten() for weight in model.parameters()])
    return {
        "losses": found[:n_steps],
        "weights": [float(weights.sum()), float(weights.norm())],
        "sizes": sorted(sizes),
    }


def fitted(ranks: Ranks, overrides: Sequence[str]) -> dict[str, Any]:
    """Fit a whole run; return its history and the metrics of the kept weights."""
    settings = Settings.compose(overrides)
    begun = begin(settings)
    fit = train(settings, begun.model, begun.log, begun.sample, begun.fitted)
    assert fit is not None
    return {"history": fit.history, "validation": fit.validation, "epochs": fit.epochs}


def scored(ranks: Ranks, overrides: Sequence[str]) -> dict[str, Any]:
    """Return scores or ranks of the test part with initial weights, and metrics, as this rank knows them."""
    settings = Settings.compose(overrides)
    begun = begin(settings)
    begun.model.eval()
    held_out = BY_TASK[settings.task](begun.log, "test")
    table = held_out.table(begun.model)
    return {"values": table[held_out.saved.value].tolist(), "metrics": held_out.metrics(begun.model)}


def gathered(ranks: Ranks, places: Sequence[Sequence[int]], n_rows: int) -> list[float]:
    """Return what is gathered of rows whose value is ten times their place, at the places of each rank."""
    own = torch.tensor(places[ranks.rank], dtype=torch.int64)
    return ranks.in_place(own, own.double().unsqueeze(1) * 10, n_rows).squeeze(1).tolist()


def exchanged(ranks: Ranks) -> dict[str, Any]:
    """Return what comes of each exchange."""
    rows = torch.full((ranks.rank + 1, 2), float(ranks.rank))
    data = ranks.bytes_of_first(b"first" if ranks.is_first else b"another")
    return {
        "sum": float(ranks.sum_(torch.tensor(float(ranks.rank + 1)))),
        "rows": ranks.all_rows(rows)[0][:, 0].tolist(),
        "bytes": None if data is None else data.decode(),
        "nothing": ranks.bytes_of_first(None),
        "says": ranks.first_says(ranks.is_first),
        "numbers": ranks.numbers_of_first(lambda: {"rank": float(ranks.rank)}),
        "facts": ranks.facts(),
    }
