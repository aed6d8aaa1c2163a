"""What each stage of a run takes as a log grows, and what it would take for a log of billions of rows."""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.analyses.scale_figure import draw
from cadc.data.numbering.engine import Engine, numbering_of, require_engine
from cadc.errors import CadcError, UsageError, require_at_least
from cadc.experiment.analysis import Analysis
from cadc.paths import cache_dir
from cadc.terminal.progress import say

COSTS = ("cpu_s", "memory_mb", "disk_mb")
"""What is extrapolated."""
DIGITS = {
    "cpu_s": 2,
    "wall_s": 1,
    "memory_mb": 0,
    "resident_mb": 0,
    "disk_mb": 0,
    "us_per_row": 3,
    "exponent": 2,
    "auc": 4,
}
"""Digits after the decimal point, by column."""
BYTES_A_ROW = 150
"""Bytes that a row of the largest log takes on disk while it is prepared: its file, its columns twice, and ids."""


class Scale(Analysis):
    """Seconds, memory and bytes on disk of the stages of a run: prepare, read, sample, factorise, train, evaluate.

    The log is generated and lies in a folder of Parquet files with ids as texts; it has a user for every 20 rows and an
    item for every 100. Each number of rows has a process of its own.

    Parameters
    ----------
    rows : numbers of rows, ascending, at least two.
    extrapolated_rows : number of rows that the figures are extrapolated to, by the power of the two largest logs; the
        default is that of Criteo's log of a terabyte.
    engine : of the preparation, see `cadc.data.numbering.engine`.
    rate : share of the training rows that the network is trained on.
    threads : of torch and DuckDB.
    """

    def __init__(
        self,
        rows: Sequence[int] = (1_000_000, 10_000_000, 100_000_000),
        extrapolated_rows: int = 4_195_197_692,
        engine: Engine = "duckdb",
        rate: float = 0.01,
        threads: int = 1,
    ) -> None:
        require_at_least(1, "analysis", threads=threads, extrapolated_rows=extrapolated_rows)
        require_engine(engine)
        if len(rows) < 2 or any(a >= b for a, b in pairwise(rows)) or rows[0] < 1000:
            raise UsageError(f"analysis.rows is {list(rows)}; expected two or more ascending numbers from 1000 on.")
        if not 0 < rate < 1:
            raise UsageError(f"analysis.rate is {rate}; expected a share of the training rows in (0, 1).")
        self.rows, self.extrapolated_rows = tuple(rows), extrapolated_rows
        self.engine: Engine = engine
        self.rate, self.threads = rate, threads

    def run(self, folder: Path) -> pd.DataFrame:
        """Carry out the stages for each number of rows, extrapolate, and draw."""
        numbering_of(self.engine, 0)  # says before anything starts that DuckDB is missing
        measured = [{"rows": n_rows, **costs} for n_rows in self.rows for costs in self._measured(n_rows)]
        table = extrapolated(pd.DataFrame(measured), self.extrapolated_rows)
        table.attrs["note"] = (
            f"A generated log in Parquet files with ids as texts, a user for 20 rows and an item for 100; engine "
            f"{self.engine}, {self.threads} thread, a sample of {100 * self.rate:g} % of the training rows. `cpu_s`: "
            "processor seconds; `wall_s` includes what other processes took. `memory_mb`: peak of the process's own "
            "memory beyond its imports; `resident_mb`: with imports and with pages of files, which the system drops "
            "when it needs them. `disk_mb`: bytes that the stage leaves on disk. `read`: all training rows once, in "
            "blocks in random order. `exponent`: of the rows, between the two largest logs, for `cpu_s`. The row of "
            f"{self.extrapolated_rows:,} is extrapolated by such exponents, not measured."
        )
        draw(folder, table, self.extrapolated_rows)
        return table

    def _measured(self, n_rows: int) -> Iterator[dict[str, Any]]:
        """Yield what each stage took, and say it: the largest log takes minutes."""
        cache_dir().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="scale-") as own, tempfile.TemporaryFile("w+") as said:
            command = [sys.executable, "-m", "cadc.analyses.scale_stages", own]
            command += [str(n_rows), self.engine, str(self.rate), str(self.threads)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads)}
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    costs = json.loads(line)
                    say(
                        f"{n_rows:,} rows, {costs['stage']}: {costs['cpu_s']:.1f} processor seconds, "
                        f"{costs['memory_mb']:.0f} MB of memory"
                    )
                    yield costs
            said.seek(0)
            last = (said.read().strip().splitlines() or ["no reason given"])[-1]
        if process.returncode:
            raise CadcError(
                f"the run on {n_rows:,} rows ended with status {process.returncode} ({last}); it needs about "
                f"{max(1, n_rows * BYTES_A_ROW >> 30)} GiB of disk at {cache_dir()}: free some, or lower analysis.rows."
            )


def extrapolated(measured: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    """Return a table with a further row for each stage, and the exponent of its seconds.

    Parameters
    ----------
    measured : costs of each stage and number of rows, which is ascending.
    n_rows : number of rows of the further ones.
    """
    further, exponents = [], {}
    for stage, group in measured.groupby("stage", sort=False):
        before, last = group.iloc[-2], group.iloc[-1]
        powers = {cost: exponent(before, last, cost) for cost in COSTS}
        exponents[stage] = powers["cpu_s"]
        grown = {
            cost: last[cost] * (n_rows / last["rows"]) ** power if power is not None else None
            for cost, power in powers.items()
        }
        further.append({"rows": n_rows, "stage": stage, **grown})
    table = pd.concat([measured, pd.DataFrame(further)], ignore_index=True)
    table["us_per_row"] = 1e6 * table["cpu_s"] / table["rows"]
    table["exponent"] = [
        exponents[stage] if rows == n_rows else None for stage, rows in zip(table["stage"], table["rows"], strict=True)
    ]
    return table.round(DIGITS)


def exponent(before: "pd.Series[Any]", last: "pd.Series[Any]", cost: str) -> float | None:
    """Return the power of the number of rows with which a cost grows; None if one of both is not positive.

    >>> exponent(pd.Series({"rows": 10, "cpu_s": 1.0}), pd.Series({"rows": 100, "cpu_s": 10.0}), "cpu_s")
    1.0
    """
    if before[cost] <= 0 or last[cost] <= 0:
        return None
    return math.log(last[cost] / before[cost]) / math.log(last["rows"] / before["rows"])
