"""A process that carries out the stages of a run on a generated log, and says what each took, a line of JSON each.

    python -m cadc.analyses.scale_stages FOLDER 1000000 duckdb 0.01 1

The arguments are an empty folder on a disk with room, the number of rows, the engine, the rate of the sample, and the
number of threads. The process is one of its own so that its memory is that of this number of rows.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cadc.analyses.scale_log import write_log
from cadc.provenance.peak import Peak, anonymous_bytes
from cadc.provenance.threads import threads

BATCH_ROWS = 1 << 14
"""Rows of a batch of the stage `read`."""
TABLE = (
    *("data=table", "data/split=hashed", "data.user=user", "data.item=item", "data.label=label", "data.time=time"),
    *("data.context_fields=[hour]", "data.dense=[recency]"),
)
RUN = (
    *("sampler=hashed", "model=dlrm", "model.residual=true", "embedding.dim=8", "initializer=mf_bias"),
    *(
        "initializer.freeze=true",
        "factorization=logistic",
        "factorization.max_epochs=4",
        "factorization.tolerance=0",
        "factorization.dim=6",
        "factorization_rows=complement",
    ),
    *("trainer.shuffle=blocks", "trainer.max_epochs=3", "trainer.validation_rate=0.1", "trainer.progress=false"),
)
"""What the run is: CADC's residual of a factorisation of all rows but the sample."""


def carry_out(folder: Path, n_rows: int, engine: str, rate: float, n_threads: int) -> None:
    """Print what each stage took, once it is over: processor and wall-clock seconds, peak memory, bytes on disk.

    Parameters
    ----------
    folder : an empty folder; the cache is to be in it.
    n_rows : rows of the log.
    engine : of the preparation, `memory` or `duckdb`.
    rate : share of the training rows that the network is trained on.
    n_threads : of the run.
    """
    from cadc.data.batches import BatchLoader
    from cadc.pipeline import build
    from cadc.pipeline.evaluate import evaluate
    from cadc.pipeline.run import train
    from cadc.pipeline.settings import Settings

    begin = anonymous_bytes()

    def stage(name: str, work: Callable[[], Any]) -> Any:
        on_disk = bytes_below(folder)
        with Peak() as peak:
            result = work()
        costs = {
            "stage": name,
            "cpu_s": peak.seconds,
            "wall_s": peak.wall_s,
            "memory_mb": (peak.bytes - begin) / 1e6,
            "resident_mb": peak.resident_mb * 1.048576,
            "disk_mb": (bytes_below(folder) - on_disk) / 1e6,
        }
        if name == "evaluate":
            costs["auc"] = result[1]["test/auc"]
        print(json.dumps(costs), flush=True)
        return result

    rows = folder / "log"
    rows.mkdir()
    stage("generate", lambda: write_log(rows, n_rows))
    settings = Settings.compose([*TABLE, *RUN, f"data.path={rows}", f"data.engine={engine}", f"sampler.rate={rate}"])
    with threads(n_threads):
        torch.manual_seed(0)
        log = stage("prepare", lambda: build.open_log(settings))

        def read() -> None:
            loader = BatchLoader(log, log.rows("train"), BATCH_ROWS, torch.Generator().manual_seed(0), in_blocks=True)
            for _ in loader:
                pass

        stage("read", read)
        sample = stage("sample", lambda: build.draw_sample(settings, log))
        fitted = stage("factorise", lambda: build.factorize_log(settings, log, sample))
        model = stage("initialise", lambda: build.make_model(settings, log, fitted, sample))
        fit = stage("train", lambda: train(settings, model, log, sample, fitted))
        stage("evaluate", lambda: evaluate(settings, model, log, sample, fit))


def bytes_below(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(arguments: list[str]) -> None:
    """Carry out the stages."""
    folder, n_rows, engine, rate, n_threads = arguments
    os.environ["CADC_CACHE"] = str(Path(folder) / "cache")
    carry_out(Path(folder), int(n_rows), engine, float(rate), int(n_threads))


if __name__ == "__main__":
    main(sys.argv[1:])
