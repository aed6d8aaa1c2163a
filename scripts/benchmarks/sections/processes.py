"""Whole commands, from the shell to their end: imports, a run at 2 %, grids, reports."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.case import OURS, Case, Figures
from benchmarks.options import Options
from benchmarks.process import cadc, empty_runs, python, stages
from cadc.paths import PACKAGE

RATE = "sampler.rate=0.02"
RESIDUAL = ("initializer=mf_bias", "initializer.freeze=true", "model.residual=true", "factorization_rows=complement")
TINY = ("data=synthetic", "data.n_rows=1000", "data.n_users=50", "data.n_items=60", "trainer.max_epochs=1")


def cases(options: Options) -> Iterator[Case]:
    """Yield the commands; what they read is in the cache."""
    folder = options.folder
    works = {
        OURS: partial(cadc, "--help", folder=folder),
        "limit: python": partial(python, "-c", "pass", folder=folder),
    }
    yield Case("cadc --help", works, warm_up=False, repeats=7)
    works = {
        OURS: partial(python, "-c", "import cadc.pipeline.run, cadc.training.fit", folder=folder),
        "import pytorch_lightning": partial(python, "-c", "import pytorch_lightning", folder=folder),
        "limit: import torch": partial(python, "-c", "import torch", folder=folder),
    }
    yield Case("imports of training", works)
    for name, own in (("random", ("initializer=random",)), ("residual, complement", RESIDUAL)):
        yield Case(f"cadc train at 2 %, {name}", {OURS: partial(train_once, options, ("embedding.dim=16", *own, RATE))})
    further = partial(further_runs, options)
    name = "each further run of a multirun at 2 %, beyond its stages"
    yield Case(name, {OURS: further}, warm_up=False, timed_by="beyond its stages")
    yield finished_sweep(options)
    if not options.fast:
        # Committed records lie below the checkout.
        report = partial(cadc, "report", "dlrm_rates", "--output", str(folder / "report"), folder=PACKAGE.parent)
        yield Case("cadc report dlrm_rates", {OURS: report}, warm_up=False)


def train_once(options: Options, words: tuple[str, ...]) -> Figures:
    """Train into an empty ledger."""
    with empty_runs(options.folder) as runs:
        cadc("train", *options.words(*words), folder=options.folder, CADC_RUNS=str(runs))
        return {"seconds of its stages": stages(runs)}


def further_runs(options: Options) -> Figures:
    """Sweep one seed, then eleven, and return what each of the ten takes beyond its stages."""
    import time

    n_more = options.size(10, 1)
    seconds, spent = [], []
    for n_runs in (1, 1 + n_more):
        with empty_runs(options.folder) as runs:
            words = options.words("initializer=random", "embedding.dim=16", RATE)
            seeds = f"seed={','.join(map(str, range(n_runs)))}"
            started = time.perf_counter()
            cadc("train", "-m", *words, seeds, folder=options.folder, CADC_RUNS=str(runs))
            seconds.append(time.perf_counter() - started)
            spent.append(n_runs * stages(runs))
    whole = (seconds[1] - seconds[0]) / n_more
    return {"seconds a further run": whole, "beyond its stages": whole - (spent[1] - spent[0]) / n_more}


def finished_sweep(options: Options) -> Case:
    """Return the case of a sweep that is finished and started again."""
    n_runs = options.size(100, 3)
    runs: Path = options.folder / "finished"
    words = [*options.words(*TINY), f"seed={','.join(map(str, range(n_runs)))}"]
    again = partial(cadc, "train", "-m", *words, folder=options.folder, CADC_RUNS=str(runs))
    # The first time it runs them all.
    again()
    return Case(f"a finished sweep of {n_runs} runs again", {OURS: again}, n_runs, "runs", warm_up=False)
