"""What rows that grow start from: their new numbers as a linear map of the old ones, learnt from longer rows."""

import torch
from torch import Tensor


def grown_by_map(vectors: Tensor, before: Tensor, now: Tensor, ridge: float = 10.0) -> Tensor:
    """Return vectors in which the new numbers of each row that grows are predicted from its old ones.

    Of each old size, and each column beyond it, the map is a ridge regression over all rows that have the column. The
    ridge is that of so many further rows with predictors of the mean square, uncorrelated, and targets 0.

    Parameters
    ----------
    vectors : zero beyond their sizes, float32, shape [n, d].
    before, now : sizes of the rows, int64, shape [n].
    ridge : above 0.

    Returns
    -------
    vectors : float32, shape [n, d].

    Examples
    --------
    >>> vectors = torch.tensor([[1.0, 2.0], [2.0, 4.0], [3.0, 0.0]])
    >>> before, now = torch.tensor([2, 2, 1]), torch.tensor([2, 2, 2])
    >>> grown_by_map(vectors, before, now, ridge=1e-6)[2].round(decimals=2)
    tensor([3., 6.])
    """
    n_columns, found = vectors.shape[1], vectors.clone()
    x = vectors.double()
    own = torch.stack([x[before == size].T @ x[before == size] for size in range(1, n_columns + 1)])
    # Of each column, over the rows that have it.
    moments = own.flip(0).cumsum(0).flip(0)
    n_rows = torch.bincount(before.clamp(max=n_columns), minlength=n_columns + 1)[1:].flip(0).cumsum(0).flip(0)
    for size in before[now > before].unique().tolist():
        rows = ((before == size) & (now > size)).nonzero().squeeze(1)
        columns = torch.arange(size, n_columns)
        gram = moments[columns, :size, :size]
        mean = gram.diagonal(dim1=1, dim2=2).mean(1) / n_rows[columns].clamp(min=1)
        gram = gram + (ridge * mean + 1e-12)[:, None, None] * torch.eye(size, dtype=torch.float64)
        weights = torch.linalg.solve(gram, moments[columns, :size, columns].unsqueeze(2)).squeeze(2)
        is_new = columns < now[rows].unsqueeze(1)
        found[rows, size:] = torch.where(is_new, x[rows, :size] @ weights.T, 0).float()
    return found
