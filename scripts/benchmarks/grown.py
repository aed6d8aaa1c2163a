"""A process that carries out the stages of a run on a generated log of many rows, and says what each took, as JSON.

    PYTHONPATH=.:scripts python -m benchmarks.grown 1000000 fm chronological

It has one thread, and its log 100 rows a user and 20,000 items. Memory is what the process holds beyond its imports and
beyond pages of files, which the system drops when it needs them; its peak is read every few milliseconds.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from cadc.provenance.peak import Peak, anonymous_bytes

USERS, ITEMS, DIM, RATE = 100, 20_000, 16, 0.001
"""Rows of a user, number of items, length of the vectors and share of the rows that the network is trained on."""
PASSES = 4


def measure(n_rows: int, factorization: str = "logistic", split: str = "random") -> None:
    """Carry out the stages of a run on a log of some rows, and print what each took.

    The time of `prepare` is without that of generating the rows, which has a stage of its own.

    Parameters
    ----------
    n_rows : of the log.
    factorization : `logistic`, `fm` or `als`.
    split : `random`, `chronological`, `leave_one_out` or `global_time`.
    """
    import torch

    from cadc.data.prepare import prepare
    from cadc.data.sources import Synthetic
    from cadc.data.split import ChronologicalSplit, GlobalTimeSplit, LeaveOneOutSplit, RandomSplit
    from cadc.evaluation.saved_metrics import metrics_of
    from cadc.factorization import ALS, FactorizationMachine, LogisticMF
    from cadc.factorization.fitted_rows import fit_factors
    from cadc.models.factorization import FactorizationModel
    from cadc.pipeline.evaluate import score, with_activity
    from cadc.randomness import numpy_generator
    from cadc.sampling import UniformSampler

    torch.set_num_threads(1)
    method = {
        "logistic": lambda: LogisticMF(max_epochs=PASSES, tolerance=0),
        "fm": lambda: FactorizationMachine(max_epochs=PASSES, tolerance=0),
        "als": lambda: ALS(iterations=PASSES, cg_steps=3),
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

    found: dict[str, float] = {}

    def stage(name: str, work: Callable[[], Any], apart: float = 0.0) -> Any:
        with Peak() as peak:
            result = work()
        found[f"{name}, µs a row"] = 1e6 * peak.seconds / n_rows - apart
        found[f"{name}, bytes a row"] = (peak.bytes - begin) / n_rows
        found["most memory, MB"] = max(found.get("most memory, MB", 0.0), peak.bytes / 1e6)
        return result

    source = Synthetic(n_rows=n_rows, n_users=max(943, n_rows // USERS), n_items=ITEMS)
    stage("generate", lambda: [None for _ in source.read().chunks])
    log = stage("prepare", lambda: prepare(source, parts), found["generate, µs a row"])
    sample = stage("sample", lambda: UniformSampler(rate=RATE)(log, numpy_generator(0, "sample")))
    fitted = stage("factorise", lambda: fit_factors(method, log, DIM, "full", sample.rows, 0))
    stage("factorise the complement", lambda: fit_factors(method, log, DIM, "complement", sample.rows, 0))
    model = FactorizationModel(fitted.factors, log.schema)

    def evaluate() -> None:
        table = score(model, log, "test")
        metrics_of(table, "ctr")
        with_activity(table, log, sample, "test")

    stage("evaluate", evaluate)
    print(json.dumps(found))


if __name__ == "__main__":
    measure(int(sys.argv[1]), *sys.argv[2:])
