"""Biases of users and items that are shrunk towards 0 by the number of their rows (Koren, KDD 2008, section 2.1)."""

from dataclasses import dataclass

import torch
from torch import Tensor

ALTERNATIONS = 8


@dataclass(frozen=True)
class ShrunkBiases:
    """A mean, and what each user and item adds to it; unknown ones, with id 0, add nothing.

    Parameters
    ----------
    mean : of all rows.
    user : float32, shape [n_users].
    item : float32, shape [n_items].
    """

    mean: float
    user: Tensor
    item: Tensor

    def residuals(self, users: Tensor, items: Tensor, values: Tensor) -> Tensor:
        """Return values less what the biases say of them, float32, shape [n].

        Parameters
        ----------
        users, items : ids, shape [n].
        values : labels or ratings, shape [n].
        """
        return values.float() - self.mean - self.user[users] - self.item[items]


def shrunk_biases(
    users: Tensor, items: Tensor, values: Tensor, n_users: int, n_items: int, shrinkage: float = 5.0
) -> ShrunkBiases:
    """Return b_i = Σ (r - μ - b_u) / (n_i + shrinkage) and b_u likewise, after eight alternations.

    Parameters
    ----------
    users, items : ids of each row, int64, shape [n].
    values : r, float32, shape [n].
    n_users, n_items : sizes of the vocabularies.
    shrinkage : rows that each user and item is given without an effect.

    Examples
    --------
    >>> found = shrunk_biases(torch.tensor([1, 1]), torch.tensor([1, 2]), torch.tensor([1.0, 0.0]), 2, 3, shrinkage=0)
    >>> found.mean, found.item.tolist()
    (0.5, [0.0, 0.5, -0.5])
    """
    centred = values.double()
    mean = float(centred.mean()) if len(values) else 0.0
    centred = centred - mean
    known_user, known_item = (users > 0).double(), (items > 0).double()
    user, item = torch.zeros(n_users, dtype=torch.float64), torch.zeros(n_items, dtype=torch.float64)
    n_of_user = torch.bincount(users, minlength=n_users) + shrinkage
    n_of_item = torch.bincount(items, minlength=n_items) + shrinkage
    for _ in range(ALTERNATIONS):
        item = torch.bincount(items, (centred - user[users]) * known_item, n_items) / n_of_item.clamp_min(1e-12)
        user = torch.bincount(users, (centred - item[items]) * known_user, n_users) / n_of_user.clamp_min(1e-12)
    return ShrunkBiases(mean, user.float(), item.float())
