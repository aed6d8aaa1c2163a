"""AUC of many scores."""

from collections.abc import Iterator
from functools import partial

from benchmarks.case import OURS, Case, Work
from benchmarks.options import Options
from benchmarks.peers.installed import missing

SIZES = (1_000_000, 10_000_000)


def cases(options: Options) -> Iterator[Case]:
    """Yield scores of two sizes, all different, and fewer with many ties."""
    import numpy as np

    from cadc.evaluation.metrics.auc import auc

    sizes = [options.size(size, size // 1000) for size in SIZES]
    for n_rows in sizes:
        random = np.random.default_rng(0)
        label = (random.random(n_rows) < 0.5).astype(np.float64)
        kinds = [("", random.random(n_rows))]
        if n_rows == min(sizes):
            kinds.append((", 1000 values", random.integers(0, 1000, n_rows) / 1000))
        for name, score in kinds:
            works: dict[str, Work] = {OURS: partial(_discard, auc, label, score)}
            remarks = {}
            if why := missing("scikit-learn"):
                remarks["scikit-learn"] = why
            else:
                from sklearn.metrics import roc_auc_score

                works["scikit-learn"] = partial(_discard, roc_auc_score, label, score)
            works["limit: a sort"] = partial(_discard, np.sort, score)
            yield Case(f"{n_rows:,} scores{name}", works, n_rows, "scores", remarks)


def _discard(function: object, *arguments: object) -> None:
    assert callable(function)
    function(*arguments)
