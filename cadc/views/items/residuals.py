"""What users hold of items beyond biases: residuals of ratings or labels, as they are fitted and as they are served."""

from collections.abc import Mapping
from typing import Literal

import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.errors import DataError, UsageError
from cadc.views.evidence import Evidence, Of
from cadc.views.histories import Histories

SHRINKAGE = 5.0
"""Rows that each user and item is given without an effect on its bias."""

LEAST, MOST = 1e-9, 1e9
"""Distances of the lowest from the highest value whose squares float32 can sum."""

Choice = Literal["auto", "rating", "label"]
"""What residuals are of; `auto` takes ratings where the log has them."""


def require_choice(of: str, option: str) -> None:
    """Raise a UsageError if an option is not a `Choice`."""
    if of not in ("auto", "rating", "label"):
        raise UsageError(f"{option} is {of!r}; expected auto, rating or label.")


def fit_residuals(evidence: Evidence, of: Choice) -> tuple[csr_array, dict[str, Tensor]]:
    """Return the residuals of some rows, and what it takes to compute those of a history.

    Residuals are what is left of ratings or labels after a mean and shrunk biases of users and items.

    Returns
    -------
    residuals : users × items, float32, shape [n_users, n_items].
    arrays : `rating_mean` or `label_mean`, float32, shape [1]; `item_bias`, shape [n_items], float16, or float32 where
        that is too narrow. A user's bias follows from the history.

    Raises
    ------
    DataError : for ratings on a scale that float32 cannot square.
    """
    chosen: Of = ("rating" if evidence.has_ratings else "label") if of == "auto" else of
    _require_scale(evidence, chosen)
    biases = evidence.biases(chosen, SHRINKAGE)
    small = biases.item.half()
    item_bias = small if small.isfinite().all() else biases.item
    arrays = {_mean_of(chosen): torch.tensor([biases.mean]), "item_bias": item_bias}
    return evidence.matrix(evidence.residuals(chosen, SHRINKAGE)), arrays


def _require_scale(evidence: Evidence, of: Of) -> None:
    values = evidence.values(of)
    if len(values):
        lowest, highest = float(values.min()), float(values.max())
        if lowest < highest and not LEAST <= highest - lowest <= MOST:
            raise DataError(
                f"the {of}s of this log are from {lowest:g} to {highest:g}; residuals need a highest one that is "
                f"{LEAST:g} to {MOST:g} above the lowest. Scale the ratings, mend what is out of place, or set "
                "of: label in the view."
            )


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
