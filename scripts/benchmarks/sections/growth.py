"""How time and memory grow: with the rows of a log from 10⁵ to 10⁸, and a step with the vocabulary from 10⁴ to 10⁷."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace

from benchmarks.case import OURS, Case, Figures
from benchmarks.options import Options
from benchmarks.sections import vocabulary

TAKES_MINUTES = True
ROWS = (100_000, 1_000_000, 10_000_000, 100_000_000)
FEW_ROWS = (5_000, 10_000)
VOCABULARIES = (10_000, 100_000, 1_000_000, 10_000_000)
MANY = 10_000_000
"""Rows of which a turn takes so long that one is enough."""
OF_ROWS, OF_VOCABULARY = "the stages of a run,", "a step"
"""Beginnings of the names of the cases."""


def cases(options: Options) -> Iterator[Case]:
    """Yield the stages of a run for each number of rows, then a step for each vocabulary.

    Each log has a process of its own, whose memory is then that of this number of rows.
    """
    for n_rows in FEW_ROWS if options.fast else ROWS:
        repeats = 1 if n_rows >= MANY else 3
        works = {OURS: _in_process(options, n_rows)}
        name = f"{OF_ROWS} {n_rows:,} rows"
        yield Case(name, works, n_rows, "rows", repeats=repeats, most_seconds=0.0, warm_up=False)
    for case in vocabulary.cases(options, VOCABULARIES):
        yield replace(case, name=f"{OF_VOCABULARY}, {case.name}")


def _in_process(options: Options, n_rows: int) -> Callable[[], Figures]:
    def work() -> Figures:
        with tempfile.TemporaryDirectory(dir=options.folder) as cache:
            command = [sys.executable, "-m", "benchmarks.grown", str(n_rows)]
            environment = {**os.environ, "CADC_CACHE": cache, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
        found: Figures = json.loads(done.stdout.splitlines()[-1])
        return found

    return work
