"""A small logistic regression for each value of a field, beside logits that are known already."""

import torch
from torch import Tensor

from cadc.factorization.blocks import blocks_of
from cadc.factorization.solvers.majorize import cholesky, curvature, moments


def regress_by_value(
    ids: Tensor,
    others: Tensor,
    labels: Tensor,
    offset: Tensor,
    features: Tensor,
    n_values: int,
    l2: float,
    n_steps: int,
) -> Tensor:
    """Return the weights w of each value that minimise Σ logloss(σ(offset + w·[x, 1]), label) + l2/2 |w|².

    The sum is over the rows of the value, and x are the features of the other field's value in the row. Every step
    minimises a quadratic bound of all regressions (see `curvature`), so that it never increases the loss.

    Parameters
    ----------
    ids : value of each row, int32 or int64, shape [n].
    others : value of the other field in each row, int32 or int64, shape [n].
    labels : 0 or 1, float32, shape [n].
    offset : logit of each row, float32, shape [n].
    features : of each value of the other field, float32, shape [n_others, d].
    n_values : number of values.
    l2 : penalty, also on the intercept; above 0.
    n_steps : number of steps from w = 0.

    Returns
    -------
    weights : those of the features, and the intercept, float32, shape [n_values, d + 1]; 0 for values without rows.

    Examples
    --------
    The first value has two rows, both with label 1; the second value has none:

    >>> ids, others, features = torch.tensor([0, 0]), torch.tensor([0, 1]), torch.tensor([[1.0], [-1.0]])
    >>> weights = regress_by_value(ids, others, torch.ones(2), torch.zeros(2), features, n_values=2, l2=1.0, n_steps=9)
    >>> weights.round(decimals=1)
    tensor([[0.0000, 0.7000],
            [0.0000, 0.0000]])
    """
    n_others, dim = features.shape
    # Features, the one of the intercept and a column that `moments` overwrites; the last row is that of padding.
    table = torch.zeros(n_others + 1, dim + 2)
    table[:-1, :dim] = features
    table[:-1, dim] = 1
    others = torch.cat([others, others.new_tensor([n_others])])
    labels, offset = (torch.cat([column, column.new_zeros(1)]) for column in (labels, offset))
    weights = torch.zeros(n_values, dim + 1)
    for block in blocks_of(ids, n_values):
        shape, flat = block.rows.shape, block.rows.flatten()
        own_labels, own_offset = (column.index_select(0, flat).view(shape) for column in (labels, offset))
        x = table.index_select(0, others.index_select(0, flat)).view(*shape, dim + 2)
        solve = _by_rows if shape[1] <= dim else _by_weights
        weights[block.values] = solve(x, own_labels, own_offset, l2, n_steps)
    return weights


def _by_weights(x: Tensor, labels: Tensor, offset: Tensor, l2: float, n_steps: int) -> Tensor:
    """Return the weights of m values with L rows each, shape [m, d + 1], by systems as large as the weights.

    Parameters
    ----------
    x : features, one, and a column that is overwritten, shape [m, L, d + 2].
    labels, offset : shape [m, L].
    l2, n_steps : see `regress_by_value`.
    """
    weights = x.new_zeros(len(x), x.shape[2] - 1)
    for _ in range(n_steps):
        logits = torch.bmm(x[..., :-1], weights[..., None])[..., 0] + offset
        probability = logits.sigmoid()
        hessian, gradient = moments(x, curvature(logits, probability), labels - probability)
        hessian.diagonal(dim1=1, dim2=2).add_(l2)
        weights += torch.cholesky_solve((gradient - l2 * weights)[..., None], cholesky(hessian))[..., 0]
    return weights


def _by_rows(x: Tensor, labels: Tensor, offset: Tensor, l2: float, n_steps: int) -> Tensor:
    """Return the same as `_by_weights` by systems as large as the number of rows, which is smaller where they are few.

    The minimum of each bound has the form w = Xᵀa (representer theorem): with curvatures c, errors e and G = XXᵀ, it is
    (G + l2 diag(1/c)) a = e/c + G a_before. The rows of padding are zero in X, and so have no part in w.
    """
    x = x[..., :-1]
    products = torch.bmm(x, x.transpose(1, 2))
    shares = torch.zeros_like(labels)
    for _ in range(n_steps):
        fitted = torch.bmm(products, shares[..., None])[..., 0]
        logits = fitted + offset
        probability = logits.sigmoid()
        inverse = 1 / curvature(logits, probability)
        system = products.clone()
        system.diagonal(dim1=1, dim2=2).add_(l2 * inverse)
        target = inverse * (labels - probability) + fitted
        shares = torch.cholesky_solve(target[..., None], cholesky(system))[..., 0]
    return torch.bmm(shares[:, None], x)[:, 0]
