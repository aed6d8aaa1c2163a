"""Item neighbours: what a user held of the items most like an item (Sarwar et al., WWW 2001, on residuals)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from cadc.errors import require_at_least, require_positive
from cadc.views.evidence import Evidence
from cadc.views.items.item_weights import SparseItemWeights
from cadc.views.items.packed_weights import pack_weights, unpack_weights
from cadc.views.items.residuals import Choice, column_read, fit_residuals, history_residuals, require_choice
from cadc.views.items.similarity import nearest_items
from cadc.views.view import RowsToScore, View


class ItemNeighbours(View):
    """The mean of a user's residuals of other items, weighed by how alike these are to the item.

    With the similarity s_ij of `nearest_items` and w_ij = sign(s_ij) |s_ij|^power, the number is Σ_j w_ij e_uj /
    (Σ_j |w_ij| + prior), both over the items of the user. Its support log(1 + Σ_j |w_ij|) is a second number.

    Parameters
    ----------
    of : what residuals are of: `rating`, `label`, or `auto` for ratings where the log has them.
    shrinkage : number of common users that halves a similarity.
    k : neighbours of each item.
    min_common : fewest common users of neighbours.
    power : of the similarity in a weight; high ones leave it to the nearest items.
    prior : weight that is given to a residual of 0.

    Raises
    ------
    UsageError : for options outside their range.
    """

    can_rank: ClassVar[bool] = True

    def __init__(
        self,
        of: Choice = "auto",
        shrinkage: float = 100.0,
        k: int = 100,
        min_common: int = 3,
        power: float = 3.0,
        prior: float = 0.02,
    ) -> None:
        require_choice(of, "views.item_neighbours.of")
        require_at_least(1, "views.item_neighbours", k=k, min_common=min_common)
        require_positive("views.item_neighbours", power=power, prior=prior)
        require_at_least(0, "views.item_neighbours", shrinkage=shrinkage)
        self.of, self.shrinkage, self.k, self.min_common = of, shrinkage, k, min_common
        self.power, self.prior = power, prior

    def history_columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return what residuals are of."""
        return (column_read(fitted),)

    def columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return the names of the two numbers."""
        return ("score", "support")

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return the neighbours of each item with their similarities, and what residuals take."""
        residuals, arrays = fit_residuals(evidence, self.of)
        return arrays | pack_weights(nearest_items(residuals, self.shrinkage, self.k, self.min_common))

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return score and support of each row, float32, shape [B, 2]."""
        weights, histories = self._weights(fitted), rows.histories
        values, ones = (histories.matrix(own, weights.n_items) for own in _values(fitted, rows))
        sums = weights.pair_sums(values, histories.of, rows.items)
        return self._combine(sums, weights.absolute().pair_sums(ones, histories.of, rows.items))

    def item_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: Tensor) -> Tensor:
        """Return score and support of all pairs of b users and n items, float32, shape [b, n, 2]."""
        weights, histories = self._weights(fitted), users.histories
        values, ones = (histories.matrix(own, weights.n_items)[histories.of.numpy()] for own in _values(fitted, users))
        return self._combine(weights.item_sums(values)[:, items], weights.absolute().item_sums(ones)[:, items])

    def _weights(self, fitted: Mapping[str, Tensor]) -> SparseItemWeights:
        packed = unpack_weights(fitted)
        return SparseItemWeights(
            packed.first, packed.sources, packed.values.abs().pow(self.power) * packed.values.sign()
        )

    def _combine(self, sums: Tensor, support: Tensor) -> Tensor:
        return torch.stack([sums / (support + self.prior), support.log1p()], -1)


def _values(fitted: Mapping[str, Tensor], rows: RowsToScore) -> tuple[Tensor, Tensor]:
    """Return the residual of each row of the histories, and 1, float32, shape [V] each."""
    residuals = history_residuals(fitted, rows.histories)
    return residuals, torch.ones_like(residuals)
