"""How far apart the vectors are that an id meets."""

import torch
from torch import Tensor


def diversity(ids: Tensor, others: Tensor, vectors: Tensor, n: int) -> Tensor:
    """Return of each id the mean distance of the vectors that it meets to their mean; 0 for one that meets none.

    For users it is the diversity of their interests, for items that of their audience (DESS, arXiv 2308.07760).

    Parameters
    ----------
    ids, others : of one side and of the other, of some rows, int64, shape [m] each.
    vectors : of the other side, float32, shape [n', d].
    n : number of ids.

    Returns
    -------
    diversity : float64, shape [n].

    Examples
    --------
    >>> diversity(torch.tensor([1, 1, 2]), torch.tensor([0, 1, 1]), torch.tensor([[0.0], [2.0]]), n=3)
    tensor([0., 1., 0.], dtype=torch.float64)
    """
    met = vectors.double()[others]
    count = torch.bincount(ids, minlength=n).clamp(min=1).double()
    mean = torch.zeros(n, met.shape[1], dtype=torch.float64).index_add(0, ids, met) / count.unsqueeze(1)
    distance = (met - mean[ids]).norm(dim=1)
    return torch.zeros(n, dtype=torch.float64).index_add(0, ids, distance) / count
