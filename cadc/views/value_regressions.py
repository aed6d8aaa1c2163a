"""A small logistic regression for each value of a field, beside logits that are known already."""

import torch
from torch import Tensor

from cadc.factorization.blocks import blocks_of
from cadc.factorization.solvers.majorize import curvature, moments, newton


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
        own = torch.zeros(len(block.values), dim + 1)
        penalties = torch.full_like(own, l2)
        for _ in range(n_steps):
            logits = torch.bmm(x[..., :-1], own[..., None])[..., 0] + own_offset
            probability = logits.sigmoid()
            hessian, gradient = moments(x, curvature(logits, probability), own_labels - probability)
            own += newton(hessian, gradient - l2 * own, penalties)[0]
        weights[block.values] = own
    return weights
