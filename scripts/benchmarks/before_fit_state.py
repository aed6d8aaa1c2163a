"""The step of versions of cadc whose runs were trained by Lightning's trainer, for `--against`."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def step_of_lightning(fit: Any, model: Any, log: Any, rows: Any, held_out: Any) -> Callable[[Any], None]:
    """Return a function that takes a step with a batch, without what Lightning did around it."""
    statistics = import_module("cadc.embeddings.base.statistics").Statistics
    module = import_module("cadc.training.fit_module").FitModule(
        model,
        held_out,
        fit.learning_rate,
        fit.weight_decay_tables,
        fit.weight_decay_mlp,
        fit.lazy_tables,
        statistics.of(log, rows).shares(len(rows)),
    )
    optimizer = module.configure_optimizers()

    def step(batch: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        module.penalised(module.mean_loss(batch)).backward()
        optimizer.step()

    return step
