"""Measure how time and memory of a run grow with the rows of the log: one JSON line a stage.

    python scripts/bench_growth.py --rows 100000 1000000 10000000
    python scripts/bench_growth.py --rows 1000000 --factorization fm --split chronological

Each number of rows is measured in a process of its own, with one thread and an empty cache, on generated logs with 100
rows a user and 20,000 items. Memory is what the process holds beyond its imports and beyond pages of files, which the
system drops when it needs them; its peak is read every few milliseconds. 10^8 rows take about five minutes and 9 GB of
disk in the folder for temporary files (TMPDIR).
"""

import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROWS = (10**5, 10**6, 10**7)
USERS, ITEMS, DIM, RATE = 100, 20_000, 16, 0.001
"""Rows of a user, number of items, length of the vectors and share of the rows that the network is trained on."""


def growth(
    rows: Sequence[int] = ROWS, factorization: str = "logistic", split: str = "random"
) -> Iterator[dict[str, Any]]:
    """Yield the measurements of every stage, for each number of rows.

    Each is a dictionary of `rows`, `stage`, `seconds` (processor time), `us_a_row` (the same, by row), `bytes_a_row`
    (peak memory beyond that of a process that has imported everything) and `peak_mb`. The stage `generate` makes the
    raw rows, which is a part of `prepare` too.
    """
    for n_rows in rows:
        words = [sys.executable, __file__, "--one", str(n_rows), "--factorization", factorization, "--split", split]
        with tempfile.TemporaryDirectory(prefix="growth-") as folder:
            places = {"CADC_CACHE": f"{folder}/cache", "CADC_RUNS": f"{folder}/runs", "OMP_NUM_THREADS": "1"}
            found = subprocess.run(words, env=os.environ | places, check=True, stdout=subprocess.PIPE, text=True)
        yield from map(json.loads, found.stdout.splitlines())


class Peak:
    """Processor seconds and the peak of anonymous memory of a `with` block."""

    def __enter__(self) -> "Peak":
        # Memory that the allocator keeps of an earlier stage would count, too.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        self.bytes, self._is_over = anonymous_bytes(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self._started = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.process_time() - self._started
        self._is_over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.005):
            self.bytes = max(self.bytes, anonymous_bytes())


def anonymous_bytes() -> int:
    """Return the resident memory of this process that is not of files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    match = re.search(r"RssAnon:\s+(\d+) kB", status)
    if match is None:
        sys.exit("/proc/self/status does not tell RssAnon; growth is measured on Linux.")
    return int(match[1]) * 1024


def measure(n_rows: int, factorization: str, split: str) -> None:
    """Carry out the stages of a run on a log of some rows, and print a line for each."""
    import torch

    from cadc.data.prepare import prepare
    from cadc.data.sources import Synthetic
    from cadc.data.split import ChronologicalSplit, GlobalTimeSplit, LeaveOneOutSplit, RandomSplit
    from cadc.evaluation.tasks import metrics_of
    from cadc.factorization import ALS, FactorizationMachine, LogisticMF
    from cadc.factorization.fitted_rows import fit_factors
    from cadc.models.factorization import FactorizationModel
    from cadc.pipeline.evaluate import score, with_activity
    from cadc.randomness import numpy_generator
    from cadc.sampling import UniformSampler

    torch.set_num_threads(1)
    method = {
        "logistic": lambda: LogisticMF(max_epochs=4, tolerance=0),
        "fm": lambda: FactorizationMachine(max_epochs=4, tolerance=0),
        "als": lambda: ALS(iterations=4),
    }[factorization]()
    parts = {
        "random": RandomSplit,
        "chronological": ChronologicalSplit,
        "leave_one_out": LeaveOneOutSplit,
        "global_time": GlobalTimeSplit,
    }[split]()
    small = prepare(Synthetic(n_rows=3000), parts)
    fit_factors(method, small, DIM, "full", torch.arange(1), 0)
    begin = anonymous_bytes()

    def stage(name: str, work: Callable[[], Any]) -> Any:
        with Peak() as peak:
            result = work()
        found = {"rows": n_rows, "stage": name, "seconds": round(peak.seconds, 3)}
        found["us_a_row"] = round(1e6 * peak.seconds / n_rows, 4)
        found["bytes_a_row"] = round((peak.bytes - begin) / n_rows, 2)
        print(json.dumps(found | {"peak_mb": peak.bytes >> 20}), flush=True)
        return result

    source = Synthetic(n_rows=n_rows, n_users=max(943, n_rows // USERS), n_items=ITEMS)
    stage("generate", lambda: [None for _ in source.read().chunks])
    log = stage("prepare", lambda: prepare(source, parts))
    sample = stage("sample", lambda: UniformSampler(rate=RATE)(log, numpy_generator(0, "sample")))
    fitted = stage("factorise", lambda: fit_factors(method, log, DIM, "full", sample.rows, 0))
    stage("factorise the complement", lambda: fit_factors(method, log, DIM, "complement", sample.rows, 0))
    model = FactorizationModel(fitted.factors, log.schema)

    def evaluate() -> None:
        table = score(model, log, "test")
        metrics_of(table, "ctr")
        with_activity(table, log, sample, "test")

    stage("evaluate", evaluate)


def main() -> None:
    """Print the measurements that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="numbers of rows")
    parser.add_argument("--factorization", choices=("logistic", "fm", "als"), default="logistic")
    parser.add_argument(
        "--split", choices=("random", "chronological", "leave_one_out", "global_time"), default="random"
    )
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one, options.factorization, options.split)
        return
    for found in growth(options.rows, options.factorization, options.split):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
