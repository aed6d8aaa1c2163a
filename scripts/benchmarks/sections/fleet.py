"""Two epochs of several arms at 2 % of the rows: one after the other, and trained together as a fleet."""

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import OURS, Case
from benchmarks.options import Options

if TYPE_CHECKING:
    from cadc.pipeline.run import Begun
    from cadc.pipeline.settings import Settings

SIZES = (4, 16)


def cases(options: Options) -> Iterator[Case]:
    """Yield a fleet of each size; its arms differ in their seeds."""
    from cadc.pipeline.run import begin

    rate = f"sampler.rate={options.size(2, 50) / 100}"
    words = ["model=dlrm", "initializer=random", rate, "trainer.max_epochs=2", "trainer.batch_size=256"]
    for n_arms in SIZES[: options.size(len(SIZES), 1)]:
        all_settings = [options.compose(*words, f"seed={seed}") for seed in range(n_arms)]
        arms = [(settings, begin(settings)) for settings in all_settings]
        n_rows = 2 * sum(len(begun.sample.rows) for _, begun in arms)
        works = {OURS: partial(alone, arms), "fleet": partial(together, arms)}
        yield Case(f"{n_arms} arms, validation included", works, n_rows, "rows")


def alone(arms: "Sequence[tuple[Settings, Begun]]") -> None:
    """Train the arms one after the other."""
    from cadc.randomness import torch_generator

    for settings, begun in arms:
        assert settings.fit is not None
        shuffle = torch_generator(settings.seeds.weights, "batches")
        settings.fit.build()(copy.deepcopy(begun.model), begun.log, begun.sample.rows, shuffle)


def together(arms: "Sequence[tuple[Settings, Begun]]") -> None:
    """Train the arms together."""
    from cadc.randomness import torch_generator
    from cadc.training.fleet import Arm, Fleet

    members = []
    for settings, begun in arms:
        assert settings.fit is not None
        shuffle = torch_generator(settings.seeds.weights, "batches")
        members.append(Arm(settings.fit.build(), copy.deepcopy(begun.model), begun.log, begun.sample.rows, shuffle))
    for _, ended in Fleet(members).fit():
        if isinstance(ended, Exception):
            raise ended
