"""Samplers: which tenth of the training rows stays."""

from collections.abc import Iterator
from functools import partial

from benchmarks.case import OURS, Case, Work
from benchmarks.options import Options

RUN = ("model=dlrm", "initializer=random")


def cases(options: Options) -> Iterator[Case]:
    """Yield every sampler, beside a random key for each row and a partial sort of them."""
    import numpy as np

    from cadc.configuration.groups import groups
    from cadc.pipeline.build import draw_sample, factorize_for_sampler

    log = options.open(options.compose(*RUN))
    n_rows = log.n_rows("train")
    random = np.random.default_rng(0)

    def keys() -> None:
        np.partition(random.random(n_rows), n_rows // 10)

    for name in sorted(groups()["sampler"]):
        settings = options.compose(*RUN, f"sampler={name}", "sampler.rate=0.1")
        fitted = factorize_for_sampler(settings, log)
        works: dict[str, Work] = {
            OURS: partial(_drop, draw_sample, settings, log, fitted),
            "limit: keys and a partial sort": keys,
        }
        yield Case(f"{name}, {log.meta['name']}", works, n_rows, "rows")


def _drop(function: object, *arguments: object) -> None:
    assert callable(function)
    function(*arguments)
