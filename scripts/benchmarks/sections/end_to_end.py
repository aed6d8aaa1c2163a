"""Full data against 2 % (residual, complement) as whole processes, with the options that tuning chose for each."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from benchmarks.case import OURS, Case, Figures
from benchmarks.data import SMALL_MOVIELENS
from benchmarks.options import Options
from benchmarks.process import cadc, empty_runs, records

TAKES_MINUTES = True
EXPERIMENT = "dlrm_rates"
FULL = "full data"
SMALL = ("MF residual, complement", "FM residual, complement")
SEEDS = 5
FAST = (*SMALL_MOVIELENS, "trainer.max_epochs=2")


def cases(options: Options) -> Iterator[Case]:
    """Yield a case for each factorisation, timed by the total of a run's record.

    Every turn is a run of the next seed, with nothing in the cache but its log. `cadc` is the arm at 2 %; the time of
    full data relative to it is how many times faster it is.
    """
    n_seeds = options.size(SEEDS, 1)
    for seed in range(n_seeds):
        options.open(options.compose(*data_of(options), f"data.split_seed={seed}"))
    for arm in SMALL:
        works = {OURS: run_of(arm, "0.02", options), FULL: run_of(FULL, "1", options)}
        yield Case(f"{arm} at 2 %, {n_seeds} seeds", works, warm_up=False, most_seconds=0.0, timed_by="total_s")


def data_of(options: Options) -> tuple[str, ...]:
    """Return the overrides of the log."""
    return FAST if options.fast else ("data=ml-1m",)


def run_of(arm: str, rate: str, options: Options) -> Callable[[], Figures]:
    """Return a function that runs the next seed of an arm."""
    from cadc.experiment.reading import load_experiment

    experiment = load_experiment(EXPERIMENT).only([arm])
    seeds = count()

    def work() -> Figures:
        seed = next(seeds)
        own = [*data_of(options), f"sampler.rate={rate}", f"seed={seed}", *options.overrides]
        (cell,) = experiment.cells(own)
        words = [word.replace("${seed}", str(seed)) for word in cell.overrides]
        shutil.rmtree(options.folder / "cache" / "factors", ignore_errors=True)
        with empty_runs(options.folder) as runs:
            started = time.perf_counter()
            cadc("train", *words, folder=options.folder, CADC_RUNS=str(runs))
            seconds = time.perf_counter() - started
            (record,) = records(runs)
            return {**_figures(record), "seconds of the process": seconds, "denormal weights": _denormal(runs)}

    return work


def _figures(record: Mapping[str, Any]) -> Figures:
    cost = record["cost"]
    return {
        "total_s": cost["total_s"],
        "prepare_s": cost["prepare_s"],
        "factorize_s": cost["factorize_s"],
        "train_s": cost["train_s"],
        "epochs": cost["epochs"],
        "AUC": record["metrics"]["test/auc"],
        "logloss": record["metrics"]["test/logloss"],
    }


def _denormal(runs: Any) -> float:
    """Return the share of denormal numbers among the weights of the finished runs."""
    import torch
    from safetensors.torch import load_file

    least = torch.finfo(torch.float32).tiny
    weights = [value for path in runs.glob("*/model.safetensors") for value in load_file(path).values()]
    floats = torch.cat([value.flatten() for value in weights if value.dtype == torch.float32])
    return float(((floats != 0) & (floats.abs() < least)).double().mean())
