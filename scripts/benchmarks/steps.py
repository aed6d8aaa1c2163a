"""A training step of cadc, as a run takes it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.before_fit_state import step_of_lightning
from benchmarks.endless import endless

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.pipeline.settings import Settings


def our_step(settings: "Settings", log: "InteractionLog", batch_size: int) -> Callable[[], None]:
    """Return a function that takes the next training step of a run, its batch gathered."""
    import torch

    from cadc.data.batches import BatchLoader
    from cadc.evaluation.tasks import HeldOutRows
    from cadc.pipeline.build import draw_sample, make_model

    assert settings.fit is not None
    sample = draw_sample(settings, log)
    fit, model = settings.fit.build(), make_model(settings, log, None, sample)
    held_out = HeldOutRows(log, "validation", 0.01)
    take: Callable[[Any], None]
    if hasattr(fit, "begun"):
        take = fit.begun(model, log, sample.rows, held_out).step
    else:
        take = step_of_lightning(fit, model, log, sample.rows, held_out)
    loader = BatchLoader(log, sample.rows, batch_size, torch.Generator().manual_seed(0))
    batches = endless(lambda: loader, batch_size)

    def step() -> None:
        take(next(batches))

    return step
