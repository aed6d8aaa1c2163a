"""What users hold of items beyond biases: residuals of ratings or labels, as they are fitted and as they are served."""

from collections.abc import Mapping
from typing import Literal

import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.errors import UsageError
from cadc.views.evidence import Evidence, Of
from cadc.views.histories import Histories

SHRINKAGE = 5.0
"""Rows that each user and item is given without an effect on its bias."""

Choice = Literal["auto", "rating", "label"]
"""What residuals are of; `auto` takes ratings where the log has them."""


def require_choice(of: str, option: str) -> None:
    """Raise a UsageError if an option is no `Choice`."""
    if of not in ("auto", "rating", "label"):
        raise UsageError(f"{option} is {of!r}; expected auto, rating or label.")


def fit_residuals(evidence: Evidence, of: Choice) -> tuple[csr_array, dict[str, Tensor]]:
    """Return the residuals of some rows, and what it takes to compute those of a history.

    Residuals are what is left of ratings or labels after a mean and shrunk biases of users and items.

    Returns
    -------
    residuals : users × items, float32, shape [n_users, n_items].
    arrays : `rating_mean` or `label_mean`, float32, shape [1]; `item_bias`, float16, shape [n_items]. A user's bias
        follows from the history.
    """
    chosen: Of = ("rating" if evidence.has_ratings else "label") if of == "auto" else of
    biases = evidence.biases(chosen, SHRINKAGE)
    arrays = {_mean_of(chosen): torch.tensor([biases.mean]), "item_bias": biases.item.half()}
    return evidence.matrix(evidence.residuals(chosen, SHRINKAGE)), arrays


def column_read(arrays: Mapping[str, Tensor]) -> Of:
    """Return the column of histories that the residuals of `fit_residuals` are made of."""
    return "rating" if _mean_of("rating") in arrays else "label"


def history_residuals(arrays: Mapping[str, Tensor], histories: Histories) -> Tensor:
    """Return the residual of each row of some histories, float32, shape [V].

    Parameters
    ----------
    arrays : as `fit_residuals` returned them.
    histories : with the column that `column_read` names.
    """
    of = column_read(arrays)
    values = histories.rating if of == "rating" else histories.label
    assert values is not None, "history_columns names what is read"
    owners = histories.owners
    found = values - arrays[_mean_of(of)] - arrays["item_bias"].float()[histories.items]
    biases = torch.bincount(owners, found, minlength=len(histories)) / (histories.lengths + SHRINKAGE)
    return found - biases[owners]


def _mean_of(of: Of) -> str:
    return f"{of}_mean"
