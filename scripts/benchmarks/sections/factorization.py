"""Factorisations of MovieLens 1M, with the quality that they reach."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from benchmarks.case import OURS, Case, Figures, Work
from benchmarks.options import Options
from benchmarks.peers import implicit_models, lenskit_models, svd_models
from benchmarks.sections.ranking import of_positives

if TYPE_CHECKING:
    from cadc.data.log import InteractionLog
    from cadc.factorization.factors import Factors
    from cadc.pipeline.settings import Settings

DIM = 64
PASSES = {"als": 8, "logistic": 2, "bpr": 3}
"""Passes over the log, those of all libraries alike."""


def cases(options: Options) -> Iterator[Case]:
    """Yield factorisations of implicit feedback beside other libraries, then those of labels."""
    alone = ("model=factorization", f"factorization.dim={DIM}")
    for name, key, own in (
        ("als", "iterations", ()),
        ("logistic", "max_epochs", ("factorization.feedback=implicit", "factorization.tolerance=0")),
        ("bpr", "max_epochs", ()),
        ("svd", "", ()),
    ):
        n_passes = options.size(PASSES.get(name, 1), 1)
        passes = (f"factorization.{key}={n_passes}",) if key else ()
        words = (*alone, "task=ranking", f"factorization={name}", *passes, *own, *of_positives(options))
        settings = options.compose(*words)
        log = options.open(settings)
        works: dict[str, Work] = {OURS: fit_of(settings, log, ndcg)}
        remarks: dict[str, str] = {}
        for peers in (implicit_models, lenskit_models, svd_models):
            for label, fit in peers.fits(name, log, DIM, n_passes, settings.threads).items():
                if isinstance(fit, str):
                    remarks[label] = fit
                else:
                    works[label] = _scored(fit, log)
        passes_said = f", {n_passes} passes" if key else ""
        yield Case(
            f"{name}, d = {DIM}{passes_said}", works, n_passes, "passes", remarks, most_seconds=1.0, warm_up=False
        )
    for name in ("logistic", "fm"):
        settings = options.compose("model=factorization", f"factorization={name}", "factorization.dim=14")
        works = {OURS: fit_of(settings, options.open(settings), logloss)}
        yield Case(f"{name} of labels, d = 14, to the end", works, most_seconds=1.0, warm_up=False)


def fit_of(settings: "Settings", log: "InteractionLog", quality: "Quality") -> Work:
    """Return the fit of a factorisation by cadc."""
    assert settings.factorization is not None and settings.factor_dim is not None
    factorization, dim, rows = settings.factorization.build(), settings.factor_dim, log.rows("train")
    validation = log.rows("validation") if factorization.reads_validation else None

    def work() -> Callable[[], Figures]:
        factors, cost = factorization.fit(log, rows, dim, validation)
        return lambda: {**quality(log, factors), "passes": cost["epochs"]}

    return work


def _scored(fit: "Callable[[], Factors]", log: "InteractionLog") -> Work:
    def work() -> Callable[[], Figures]:
        factors = fit()
        return lambda: ndcg(log, factors)

    return work


Quality = Callable[["InteractionLog", "Factors"], Figures]


def ndcg(log: "InteractionLog", factors: "Factors") -> Figures:
    """Return NDCG@10 of the test part."""
    from cadc.evaluation.tasks import HeldOutRanks
    from cadc.models.factorization import FactorizationModel

    return {"NDCG@10": HeldOutRanks(log, "test").metrics(FactorizationModel(factors, log.schema))["ndcg@10"]}


def logloss(log: "InteractionLog", factors: "Factors") -> Figures:
    """Return logloss and AUC of the test part."""
    from cadc.evaluation.tasks import HeldOutRows
    from cadc.models.factorization import FactorizationModel

    found = HeldOutRows(log, "test").metrics(FactorizationModel(factors, log.schema))
    return {"logloss": found["logloss"], "AUC": found["auc"]}
