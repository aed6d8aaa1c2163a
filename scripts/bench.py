"""Seconds of the hot paths, one by one, as a small table. Takes overrides of the configuration.

scripts/bench                        MovieLens 1M under CADC_DATA_DIR, or generated data if it is missing
scripts/bench data=ml-100k threads=2
scripts/bench tables                 instead: look-ups of embedding tables, forward and backward, relative to `full`
scripts/bench tables=robe,lma data=ml-100k embedding.dim=64
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from statistics import median
from typing import Any

GENERATED = ("data=synthetic", "data.n_rows=1000000", "data.n_users=6040", "data.n_items=3706")
ONCE = ("initializer=mf", "trainer.max_epochs=1", "trainer.progress=false", "logger=none")
N_SCORED = 1_000_000
BATCH = 4096
SMALL = 100
"""Only fields with more values are looked up; compressing schemes compress no others."""
REPEATS, FEWEST = 50, 5
"""Look-ups of each scheme, and the fewest of a slow one."""
MOST_SECONDS = 2.0
"""Processor seconds after which a slow scheme has no more turns."""


def main(overrides: Sequence[str]) -> None:
    """Time the hot paths, or embedding tables, with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CADC_CACHE"] = cache
        asked = [override for override in overrides if override.partition("=")[0] == "tables"]
        if asked:
            names = {name for name in asked[-1].partition("=")[2].split(",") if name}
            bench_tables(on_movielens(override for override in overrides if override not in asked), names)
        else:
            bench(on_movielens(overrides))


def on_movielens(overrides: Iterable[str]) -> list[str]:
    """Return the overrides, preceded by those of MovieLens 1M, or of generated data, if they do not choose the data."""
    from cadc.paths import data_dir

    overrides = list(overrides)
    if any(override.startswith("data=") for override in overrides):
        return overrides
    folder = data_dir()
    has_movielens = folder is not None and (folder / "ml-1m").is_dir()
    return [*(("data=ml-1m",) if has_movielens else GENERATED), *overrides]


def bench_tables(overrides: Sequence[str], names: Set[str] = frozenset()) -> None:
    """Print the median processor time of a batch for some embedding schemes, or for all if no names are given."""
    import torch

    from cadc.configuration.groups import groups
    from cadc.embeddings.base.scheme import TableSpec, budget_of
    from cadc.embeddings.base.statistics import Statistics
    from cadc.errors import UsageError
    from cadc.pipeline.build import open_log
    from cadc.pipeline.settings import Settings

    settings = Settings.compose([*ONCE, *overrides])
    assert settings.scheme is not None
    torch.set_num_threads(settings.threads)
    log = open_log(settings)
    statistics = Statistics.of(log)
    rows = torch.randperm(log.n_rows("train"), generator=seeded(torch))[:BATCH]
    dims = (
        (settings.scheme.option("dim"),)
        if any(override.startswith("embedding.dim=") for override in overrides)
        else (16, 64)
    )
    print(f"{' '.join(overrides)} (threads={torch.get_num_threads()}, torch {torch.__version__})")
    for dim in dims:
        works: dict[str, Callable[[], Any]] = {}
        seconds: dict[str, float] = {}
        own = [override for override in overrides if not override.startswith("embedding")]
        for name in ("full", *sorted((names or set(groups()["embedding"])) - {"full"})):
            found = Settings.compose([*ONCE, *own, f"embedding={name}", f"embedding.dim={dim}"]).scheme
            assert found is not None
            scheme = found.build()
            fields = [field for field in log.schema.single if field.vocabulary_size > SMALL]
            started = time.perf_counter()
            try:
                table = scheme.table(TableSpec(fields, budget_of(scheme, fields, fields), False, statistics))
                dense = [torch.randn(field.vocabulary_size, dim, generator=seeded(torch)) for field in fields]
                table.initialise_from(dense if table.holds_rows else [None] * len(fields))
            except UsageError as error:
                print(f"{name:24} d={dim:<4} {error}")
                continue
            seconds[name] = time.perf_counter() - started
            ids = torch.stack([log.field_ids(field.name, rows) for field in fields], 1)
            works[name] = partial(forward_and_backward, table, ids, torch.randn(len(ids), len(fields), dim))
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(REPEATS):
            for name, work in works.items():
                if len(times[name]) >= FEWEST and sum(times[name]) > MOST_SECONDS:
                    continue
                started = time.process_time()
                work()
                times[name].append(time.process_time() - started)
        for name, own_times in times.items():
            taken, full = median(own_times), median(times["full"])
            print(
                f"{name:24} d={dim:<4} {1e3 * taken:9.3f} ms {taken / full:6.2f} x full"
                f"   made in {seconds[name]:.2f} s",
                flush=True,
            )


def forward_and_backward(table: Any, ids: Any, gradient: Any) -> None:
    """Look up a batch, and compute the gradients of the table's parameters."""
    table.zero_grad()
    table(ids).backward(gradient)


def bench(overrides: Sequence[str]) -> None:
    """Time the hot paths one after the other, and print each line as soon as it is known."""
    import numpy as np
    import torch

    from cadc.data.batches import BatchLoader
    from cadc.evaluation.metrics.auc import auc
    from cadc.evaluation.ranking import DotProduct, HeldOutRanking
    from cadc.pipeline.build import draw_sample, factorize_log, make_model, open_log
    from cadc.pipeline.run import train
    from cadc.pipeline.settings import Settings

    settings = Settings.compose([*ONCE, *overrides])
    torch.set_num_threads(settings.threads)
    print(f"{' '.join(overrides)} (threads={torch.get_num_threads()}, torch {torch.__version__})")

    def timed(name: str, work: Callable[[], Any], unit: str, amount: Callable[[Any], int]) -> Any:
        started = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - started
        print(f"{name:32} {seconds:9.3f} s {amount(result) / seconds:14,.0f} {unit}/s", flush=True)
        return result

    log = timed("read and prepare", lambda: open_log(settings), "rows", lambda log: sum(log.meta["rows"].values()))
    timed("open prepared", lambda: open_log(settings), "rows", lambda log: sum(log.meta["rows"].values()))
    n_rows = log.n_rows("train")
    everything = draw_sample(settings, log)
    tenth = Settings.compose([*ONCE, *overrides, "sampler=uniform", "sampler.rate=0.1"])
    timed("sample a tenth uniformly", lambda: draw_sample(tenth, log), "rows", lambda _: n_rows)
    timed(
        "cut shuffled batches of 4096",
        lambda: sum(len(batch.label) for batch in BatchLoader(log, everything.rows, 4096, seeded(torch))),
        "rows",
        int,
    )
    fitted = timed(
        "factorise, to the end",
        lambda: factorize_log(settings, log, everything),
        "rows",
        lambda fitted: sum(int(cost["epochs"]) * fitted.n_rows for cost in fitted.cost.values()),
    )
    model = make_model(settings, log, fitted, everything)
    timed(
        f"train {settings.config['choices']['model']}, one epoch",
        lambda: train(settings, model, log, everything, fitted),
        "rows",
        lambda _: len(everything.rows),
    )
    random = np.random.default_rng(0)
    label, score = (random.random(N_SCORED) < 0.5).astype(float), random.random(N_SCORED)
    timed("AUC of a million scores", lambda: auc(label, score), "rows", lambda _: N_SCORED)
    if {"user", "item"} <= set(log.entities):
        held_out = HeldOutRanking(log, "test")
        shapes = (len(log.entities["user"].ids), len(held_out.candidates))
        dot = DotProduct(
            *(torch.randn(n, settings.config["embedding"]["dim"], generator=seeded(torch)) for n in shapes)
        )
        timed("rank all items", lambda: held_out.ranks(dot), "users", lambda _: len(held_out.users.unique()))


def seeded(torch: Any) -> Any:
    """Return torch's generator with seed 0."""
    return torch.Generator().manual_seed(0)


if __name__ == "__main__":
    main(sys.argv[1:])
