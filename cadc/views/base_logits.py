"""Logits of the factorisation, for views that say what it leaves over."""

from torch import Tensor

from cadc.errors import UsageError
from cadc.views.evidence import Evidence


def base_logits(evidence: Evidence, view: str) -> Tensor:
    """Return the logits of the run's factorisation on its own rows, float32, shape [n].

    Parameters
    ----------
    evidence : the rows.
    view : name of the view that asks, for the message.

    Raises
    ------
    UsageError : if the factorisation returns scores that are not logits.
    """
    if evidence.factors.kind != "logit":
        raise UsageError(
            f"the view {view} explains what the factorisation's logits leave over, and the scores of this one are not "
            "logits; set factorization=fm or factorization=logistic."
        )
    return evidence.base
