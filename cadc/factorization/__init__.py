"""What the whole log says about users and items: log rows in, `Factors` out."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.factorization.als import ALS
    from cadc.factorization.bpr import BPR
    from cadc.factorization.cached import factorize
    from cadc.factorization.cooccurrence import CoOccurrence
    from cadc.factorization.crossfit import CrossFitted
    from cadc.factorization.factorization import Factorization
    from cadc.factorization.factors import Factors
    from cadc.factorization.fitted_rows import Fitted, fit_factors
    from cadc.factorization.fm import FactorizationMachine
    from cadc.factorization.logistic import LogisticMF
    from cadc.factorization.svd import SVD
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "ALS",
    "BPR",
    "SVD",
    "CoOccurrence",
    "CrossFitted",
    "Factorization",
    "FactorizationMachine",
    "Factors",
    "Fitted",
    "LogisticMF",
    "factorize",
    "fit_factors",
]
