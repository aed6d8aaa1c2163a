"""A training step of cadc, as a run takes it, without what Lightning does around it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.pipeline.settings import Settings


def our_step(settings: "Settings", log: "InteractionLog", batch_size: int) -> Callable[[], None]:
    """Return a function that takes the next training step of a run, without what Lightning does around it."""
    import torch

    from cadc.data.batches import BatchLoader
    from cadc.embeddings.base.statistics import Statistics
    from cadc.evaluation.tasks import HeldOutRows
    from cadc.pipeline.build import draw_sample, make_model
    from cadc.training.fit_module import FitModule

    assert settings.fit is not None
    sample = draw_sample(settings, log)
    fit = settings.fit.build()
    decays = fit.weight_decay_tables, fit.weight_decay_mlp
    shares = Statistics.of(log, sample.rows).shares(len(sample.rows))
    model = make_model(settings, log, None, sample)
    held_out = HeldOutRows(log, "validation", 0.01)
    module = FitModule(model, held_out, fit.learning_rate, *decays, fit.lazy_tables, shares)
    optimizer = module.configure_optimizers()
    loader = BatchLoader(log, sample.rows, batch_size, torch.Generator().manual_seed(0))
    batches = iter(loader)

    def step() -> None:
        nonlocal batches
        batch = next(batches, None)
        if batch is None or len(batch) < batch_size:
            batches = iter(loader)
            batch = next(batches)
        optimizer.zero_grad(set_to_none=True)
        module.penalised(module.mean_loss(batch)).backward()
        optimizer.step()

    return step
