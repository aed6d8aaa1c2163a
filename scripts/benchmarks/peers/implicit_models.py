"""`implicit` (Frederickson): ALS, logistic matrix factorisation and BPR in C++."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.peers.installed import missing
from benchmarks.peers.matrix import as_factors, matrix_of

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.factorization.factors import Factors

    Fits = dict[str, Callable[[], Factors] | str]


def fits(name: str, log: "InteractionLog", dim: int, n_passes: int, threads: int) -> "Fits":
    """Return what fits the same, by how it is called; ALS has the options, and so the objective, of cadc's defaults."""
    if name not in ("als", "logistic", "bpr"):
        return {}
    if why := missing("implicit"):
        return {"implicit": why}
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    from implicit.cpu.lmf import LogisticMatrixFactorization

    matrix = matrix_of(log)
    shared = {"iterations": n_passes, "num_threads": threads, "random_state": 0}

    def of(make: Callable[[], Any], confidence: float) -> "Callable[[], Factors]":
        weighted = matrix.copy()
        weighted.data += confidence

        def fit() -> "Factors":
            model = make()
            model.fit(weighted, show_progress=False)
            return as_factors(model.user_factors, model.item_factors)

        return fit

    if name == "als":
        own = {"factors": dim, "regularization": 10.0, "alpha": 1.0, **shared}
        # By conjugate gradients, its default; its exact solver takes seven times as long.
        return {"implicit": of(lambda: AlternatingLeastSquares(**own), 1.0)}
    if name == "logistic":
        return {"implicit": of(lambda: LogisticMatrixFactorization(factors=dim - 2, **shared), 0.0)}
    return {"implicit": of(lambda: BayesianPersonalizedRanking(factors=dim - 1, **shared), 0.0)}
