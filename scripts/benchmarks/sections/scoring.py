"""Scores of the test part by an untrained DLRM."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks.case import OURS, Case
from benchmarks.options import Options

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.pipeline.settings import Settings

RUN = ("model=dlrm_products", "model.constant=true", "initializer=random", "embedding.dim=16", "sampler.rate=1")
BATCH = 4096


def cases(options: Options) -> Iterator[Case]:
    """Yield the scores on MovieLens 1M and on a log of Criteo's shape."""
    settings = options.compose(*RUN)
    yield _case(settings, options.open(settings))
    with options.criteo(options.size(400_000, 3000)) as words:
        settings = options.compose(*RUN, *words)
        yield _case(settings, options.open(settings))


def _case(settings: "Settings", log: "InteractionLog") -> Case:
    import torch

    from benchmarks.plain_dlrm import PlainRows, plain_model, products
    from cadc.evaluation.tasks import HeldOutRows
    from cadc.pipeline.build import draw_sample, make_model

    model = make_model(settings, log, None, draw_sample(settings, log)).eval()
    held_out = HeldOutRows(log, "test")
    plain = plain_model(log, settings.config["embedding"]["dim"]).eval()
    held = PlainRows(log, held_out.rows)
    parts = torch.arange(len(held_out)).split(BATCH)
    of_batch = products(plain, min(BATCH, len(held_out)), train=False, pairs=False)

    @torch.inference_mode()
    def ours() -> None:
        held_out.probabilities(model)

    @torch.inference_mode()
    def plainly() -> None:
        for part in parts:
            plain(*held.at(part)[0]).sigmoid()

    def limit() -> None:
        for _ in range(max(1, len(held_out) // BATCH)):
            of_batch()

    works = {OURS: ours, "PyTorch": plainly, "limit: products of the MLPs": limit}
    return Case(f"{log.meta['name']}, {len(held_out)} rows", works, len(held_out), "rows")
