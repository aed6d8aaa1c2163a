"""A training step of DLRM: rows of the log gathered, forward, backward, Adam."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import OURS, Case, Figures, Work
from benchmarks.options import Options
from benchmarks.peers import fuxictr
from benchmarks.steps import our_step

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.pipeline.settings import Settings

RUN = ("model=dlrm_products", "model.constant=true", "initializer=random", "embedding.dim=16", "sampler.rate=1")
BATCHES = (4096, 256)


def cases(options: Options) -> Iterator[Case]:
    """Yield a step on MovieLens 1M and on a log of Criteo's shape, and an epoch with all that surrounds steps."""
    settings = options.compose(*RUN)
    log = options.open(settings)
    for batch_size in BATCHES:
        yield a_step(f"{log.meta['name']}, a step of {batch_size} rows", settings, log, batch_size)
    small = options.compose(*RUN, "sampler.rate=0.02", "trainer.max_epochs=1")
    yield an_epoch(f"{log.meta['name']}, an epoch of 2 % with validation", small, log)
    whole = options.compose(*RUN, "trainer.max_epochs=1", "trainer.validation_rate=0.02")
    yield an_epoch(f"{log.meta['name']}, an epoch of all rows, 2 % of validation", whole, log)
    with options.criteo(options.size(200_000, 3000)) as words:
        settings = options.compose(*RUN, *words)
        log = options.open(settings)
        yield a_step(f"Criteo's shape, a step of {BATCHES[0]} rows", settings, log, BATCHES[0])


def a_step(name: str, settings: "Settings", log: "InteractionLog", batch_size: int) -> Case:
    """Return the case of one step."""
    import torch

    from benchmarks.plain_dlrm import PlainRows, plain_model, plain_step, products

    rows = log.rows("train")
    batch_size = min(batch_size, len(rows))
    plain = plain_model(log, settings.config["embedding"]["dim"])
    adam = torch.optim.Adam(plain.parameters(), lr=1e-3, fused=True)
    held = PlainRows(log, rows)
    works: dict[str, Work] = {
        OURS: our_step(settings, log, batch_size),
        "PyTorch, fused Adam": plain_step(plain, held, batch_size, adam),
    }
    remarks = {}
    peer = fuxictr.step_of(log, held, batch_size, settings.config["embedding"]["dim"])
    if isinstance(peer, str):
        remarks[fuxictr.NAME] = peer
    else:
        works[fuxictr.NAME] = peer
    works["limit: products of the MLPs"] = products(plain, batch_size, train=True, pairs=False)
    works["limit: products of MLPs and pairs"] = products(plain, batch_size, train=True, pairs=True)
    return Case(name, works, batch_size, "rows", remarks)


def an_epoch(name: str, settings: "Settings", log: "InteractionLog") -> Case:
    """Return the case of an epoch as a run trains it, beside the same steps of a plain loop."""
    import torch

    from benchmarks.plain_dlrm import PlainRows, plain_model, plain_step
    from cadc.pipeline.build import draw_sample, make_model
    from cadc.pipeline.run import train

    assert settings.fit is not None
    sample = draw_sample(settings, log)
    batch_size = settings.fit.build().rows_per_step(len(sample.rows))
    plain = plain_model(log, settings.config["embedding"]["dim"])
    adam = torch.optim.Adam(plain.parameters(), lr=1e-3, fused=True)
    step = plain_step(plain, PlainRows(log, sample.rows), min(batch_size, len(sample.rows)), adam)
    n_steps = -(-len(sample.rows) // batch_size)

    def ours() -> Figures:
        result = train(settings, make_model(settings, log, None, sample), log, sample)
        assert result is not None
        return {"seconds of the fit": result.seconds}

    works: dict[str, Work] = {OURS: ours, "PyTorch, fused Adam, no validation": partial(_repeat, step, n_steps)}
    return Case(name, works, len(sample.rows), "rows", most_seconds=10.0)


def _repeat(step: Callable[[], None], n_steps: int) -> None:
    for _ in range(n_steps):
        step()
