"""Sampling by leverage scores of the factors (Chen, Bhojanapalli, Sanghavi and Ward, JMLR 2015)."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.grouping import PART_ROWS
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.errors import UsageError, require_positive
from cadc.factorization.factors import Factors
from cadc.sampling.unequal import UnequalSampler, Weighting


class LeverageSampler(UnequalSampler):
    """Keeps rows with probability proportional to the leverage of their user's and item's vectors.

    Let V be the table of a field's vectors, shape [m, k]. The leverage of value j is h_j = v_j·(VᵀV + λI)⁻¹v_j, which
    tells how much this value alone determines a direction of the space; for λ = 0 the leverages add up to k. The
    leverage of a row is the sum of those of its user and its item, by which Chen et al. sample the cells of a low-rank
    matrix. If the factors have neither field, it is the sum over all their single-valued fields. The vectors were
    fitted to the labels of all rows, so the sample depends on these labels.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    ridge : λ as a multiple of the mean eigenvalue of VᵀV; above 0, so that unused directions do no harm.
    uniform_share : share of the probability that all rows receive alike, in (0, 1]; it bounds the weights.
    weighting, clip : see `UnequalSampler`.
    """

    needs_factors: ClassVar[bool] = True

    def __init__(
        self,
        rate: float = 1.0,
        ridge: float = 0.01,
        uniform_share: float = 0.1,
        weighting: Weighting = "none",
        clip: float | None = 10.0,
    ) -> None:
        super().__init__(rate, weighting, clip)
        require_positive("sampler", ridge=ridge)
        if not 0 < uniform_share <= 1:
            raise UsageError(f"sampler.uniform_share is {uniform_share}; it must be a share in (0, 1].")
        self.ridge = ridge
        self.uniform_share = uniform_share

    def sizes(self, log: InteractionLog, factors: Callable[[], Factors] | None = None) -> NDArray[np.float64]:
        """Return the mixture of each row's leverage and the mean leverage, relative to the latter, shape [n].

        Raises
        ------
        UsageError : if there are no factors, or the factors have no vectors.
        """
        if factors is None:
            raise UsageError("sampler=leverage needs the factors of a factorisation; none were given.")
        found = factors()
        if found.dim == 0:
            raise UsageError("sampler=leverage needs vectors, but factorization.dim is 0; set it to 1 or more.")
        single = [field.name for field in log.schema.single if field.name in found.vectors]
        fields = [name for name in ENTITY_FIELDS if name in single] or single
        rows = log.rows("train")
        scores = torch.zeros(len(rows), dtype=torch.float64)
        for name in fields:
            of_ids = leverage(found.vectors[name], self.ridge)
            for part, ids in zip(scores.split(PART_ROWS), rows.split(PART_ROWS), strict=True):
                part += of_ids.index_select(0, log.field_ids(name, ids))
        mean = scores.mean()
        scores = scores.div_(mean) if mean > 0 else scores.fill_(1)
        return scores.mul_(1 - self.uniform_share).add_(self.uniform_share).numpy()


def leverage(vectors: Tensor, ridge: float) -> Tensor:
    """Return the ridge leverage score of each row of a table, in [0, 1), float64, shape [m].

    Parameters
    ----------
    vectors : shape [m, k]; a row of zeros has leverage 0.
    ridge : λ as a multiple of the mean eigenvalue of the Gram matrix, above 0.

    Examples
    --------
    >>> leverage(torch.eye(2), ridge=1.0).tolist()
    [0.5, 0.5]
    """
    table = vectors.double()
    gram = table.T @ table
    mean_eigenvalue = gram.trace() / len(gram)
    if mean_eigenvalue == 0:
        return torch.zeros(len(table), dtype=torch.float64)
    regularised = gram + ridge * mean_eigenvalue * torch.eye(len(gram), dtype=torch.float64)
    return (table * torch.linalg.solve(regularised, table.T).T).sum(1)
