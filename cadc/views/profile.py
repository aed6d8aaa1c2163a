"""Profile view: what users like by which items they rated at all, whatever the ratings; and likewise for items."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.schema import UNKNOWN
from cadc.errors import require_at_least, require_positive
from cadc.factorization.solvers.randomized_svd import truncated_svd
from cadc.randomness import numpy_generator
from cadc.views.base_logits import base_logits
from cadc.views.evidence import Evidence
from cadc.views.value_regressions import regress_by_value
from cadc.views.view import RowsToScore, View

POWER_ITERATIONS = 6
"""Power iterations of the decomposition; exact singular vectors gain nothing."""


class ProfileView(View):
    """Regressions on who rated what (implicit feedback beside explicit, as in SVD++, Koren 2008).

    Let M_ui = n_ui / √((n_u + s)(n_i + s)), where n_ui, n_u and n_i are the numbers of rows of a pair, a user and an
    item, whatever their labels, and s is the shrinkage. Without it, the leading singular vectors of a sparse log belong
    to the few users and items that hardly anything connects with the rest (Zhang and Rohe 2018). With the truncated SVD
    M ≈ U S Vᵀ, profiles are p_u = √n_users S U_u and q_i = √n_items S V_i. A ridge logistic regression for each user
    predicts the labels from the profiles of the items, and one for each item from those of the users; both start from
    the factorisation's logit, so that they learn what it leaves over. The numbers are [q_i, 1]·w_u and [p_u, 1]·w_i
    with their weights w. Profile and weights of users and items with few rows are 0.

    Parameters
    ----------
    rank : number of singular vectors.
    shrinkage : s.
    l2_user : penalty on half the squared weights of each user.
    l2_item : likewise of each item.
    steps : steps of each regression, from 0.
    min_rows : users and items with fewer rows have neither.
    seed : of the decomposition; None is for use outside runs, which fill in their own.

    Raises
    ------
    UsageError : for a number that is too low.
    """

    needs_factors: ClassVar[bool] = True
    has_pairs: ClassVar[bool] = True

    def __init__(
        self,
        rank: int = 48,
        shrinkage: float = 10.0,
        l2_user: float = 2.0,
        l2_item: float = 20.0,
        steps: int = 3,
        min_rows: int = 3,
        seed: int | None = None,
    ) -> None:
        require_at_least(1, "views.profile", rank=rank, steps=steps, min_rows=min_rows)
        require_at_least(0, "views.profile", shrinkage=shrinkage)
        require_positive("views.profile", l2_user=l2_user, l2_item=l2_item)
        self.rank, self.shrinkage, self.l2_user, self.l2_item = rank, shrinkage, l2_user, l2_item
        self.steps, self.min_rows, self.seed = steps, min_rows, seed

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return profiles and weights of users and items, float16, up to the last id that has any; and numbers of ids.

        Raises
        ------
        UsageError : if the factorisation returns scores that are not logits.
        """
        offset = base_logits(evidence, "profile")
        counts = evidence.user_counts, evidence.item_counts
        known = [own >= self.min_rows for own in counts]
        for own in known:
            own[UNKNOWN] = False
        kept = (known[0][evidence.users] & known[1][evidence.items]).nonzero()[:, 0]
        ids = evidence.users[kept], evidence.items[kept]
        # Ids are sorted by frequency, so that hardly any of those without a profile lies before the last one with one.
        sizes = [int(own.nonzero().max()) + 1 if own.any() else 1 for own in known]
        degrees = [own[ids[side]] + self.shrinkage for side, own in enumerate(counts)]
        shares = (degrees[0] * degrees[1]).rsqrt().float()
        profiles = self._profiles(ids, shares, sizes)
        arrays = {}
        for this, other, side, l2 in ((0, 1, "user", self.l2_user), (1, 0, "item", self.l2_item)):
            weights = regress_by_value(
                ids[this], ids[other], evidence.labels[kept], offset[kept], profiles[other], sizes[this], l2, self.steps
            )
            arrays[f"{side}_profiles"] = profiles[this].half()
            arrays[f"{side}_weights"] = weights.half()
            arrays[f"n_{side}s"] = torch.tensor(len(known[this]))
        return arrays

    def _profiles(self, ids: tuple[Tensor, Tensor], shares: Tensor, sizes: list[int]) -> list[Tensor]:
        """Return p and q, float32, shape [size, rank] each.

        Parameters
        ----------
        ids : user and item of each row, int64, shape [n] each.
        shares : what each row adds to M, float32, shape [n].
        sizes : number of ids of users and of items.
        """
        pairs = ids[0].numpy(), ids[1].numpy()
        matrix = csr_array((shares.numpy(), pairs), shape=tuple(sizes), dtype=np.float32)
        generator = numpy_generator(self.seed or 0, "profile")
        left, values, right = truncated_svd(matrix, self.rank, POWER_ITERATIONS, generator)
        return [
            torch.from_numpy(np.ascontiguousarray(side * (values * len(own.unique()) ** 0.5), dtype=np.float32))
            for side, own in zip((left, right), ids, strict=True)
        ]

    def columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return `user` for the regression of each user, and `item` for that of each item."""
        return ("user", "item")

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return [q_i, 1]·w_u and [p_u, 1]·w_i, float32, shape [B, 2]."""
        found = []
        for own, ids, other, others in (
            ("user", rows.users, "item", rows.items),
            ("item", rows.items, "user", rows.users),
        ):
            weights = _rows_of(fitted[f"{own}_weights"], ids)
            profiles = _rows_of(fitted[f"{other}_profiles"], others)
            found.append((weights[:, :-1] * profiles).sum(1) + weights[:, -1])
        return torch.stack(found, 1)

    def pair_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: RowsToScore) -> Tensor:
        """Return both numbers of all pairs of b users and n items, float32, shape [b, n, 2]."""
        user_weights, user_profiles = (_rows_of(fitted[f"user_{own}"], users.users) for own in ("weights", "profiles"))
        item_weights, item_profiles = (_rows_of(fitted[f"item_{own}"], items.items) for own in ("weights", "profiles"))
        by_user = user_weights[:, :-1] @ item_profiles.T + user_weights[:, -1:]
        by_item = user_profiles @ item_weights[:, :-1].T + item_weights[:, -1]
        return torch.stack([by_user, by_item], 2)

    def vectors(self, fitted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the profiles of users and items."""
        found = {}
        for side in ("user", "item"):
            profiles = fitted[f"{side}_profiles"].float()
            n_rest = int(fitted[f"n_{side}s"]) - len(profiles)
            found[side] = torch.cat([profiles, profiles.new_zeros(n_rest, profiles.shape[1])])
        return found


def _rows_of(table: Tensor, ids: Tensor) -> Tensor:
    """Return the rows of ids in float32; those beyond the table are that of *unknown*, which is zero."""
    return table.index_select(0, ids.where(ids < len(table), 0)).float()
