"""Vectors from side features: factors of users and items that the factorisation saw rarely, or never."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from torch import Tensor

from cadc.data.entity_features import EntityFeatures
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN, EntitySide, Field
from cadc.embeddings.fitting.ridge import ridge
from cadc.errors import UsageError
from cadc.factorization.factors import Factors

Weighting = Literal["none", "sqrt", "count"]


def complete(factors: Factors, log: InteractionLog, l2: float, weighting: Weighting, shrinkage: float) -> Factors:
    """Return factors in which users and items without vectors have those that their side features suggest.

    A ridge regression leads from a user's (or an item's) side features to its vector and bias. A user with n training
    rows keeps its own with the share n / (n + shrinkage); one whose vector is zero has none of its own.

    Parameters
    ----------
    factors : of the field `user` or `item`, or both; those of other fields stay.
    log : the log; where it is a `LogWithColdIds`, cold users and items have ids, and so get vectors.
    l2 : penalty of the regression, beside squared errors weighted by `weighting`.
    weighting : of a user, by its number of training rows.
    shrinkage : number of training rows at which the own vector counts as much as the one suggested.

    Raises
    ------
    UsageError : where neither users nor items have both factors and side features.
    """
    vectors, biases = dict(factors.vectors), dict(factors.biases)
    sides = [side for side in log.entities if side in factors.fields and _side_fields(log, side)]
    if not sides:
        raise UsageError(
            "initializer=content needs side features and factors of users or of items, and this log or its "
            "factorisation has none; choose initializer=mf."
        )
    for side in sides:
        own = torch.cat([vectors[side], biases[side].unsqueeze(1)], 1)
        columns = [field.name for field in log.schema.of(side, bag=False)]
        ids = log.entities[side].ids[:, columns.index(side)].long()
        rows = np.bincount(log.column(side, "train"), minlength=len(ids))
        is_fitted = ((ids != UNKNOWN) & (vectors[side][ids] != 0).any(1)).numpy() & (rows > 0)
        if not is_fitted.any():
            continue
        suggested = _suggested(log, side, own[ids].double().numpy(), is_fitted * _weights(rows, weighting), l2)
        share = torch.from_numpy(np.where(is_fitted, rows / np.maximum(rows + shrinkage, 1), 0.0)).unsqueeze(1)
        mixed = own.clone()
        mixed[ids] = (share * own[ids] + (1 - share) * torch.from_numpy(suggested)).float()
        mixed[UNKNOWN] = own[UNKNOWN]
        vectors[side], biases[side] = mixed[:, :-1].contiguous(), mixed[:, -1].contiguous()
    completed = factors.with_vectors(vectors)
    completed.biases = biases
    return completed


def side_features(log: InteractionLog, side: EntitySide) -> csr_array:
    """Return a row for each user (or item): a one for the value of each single field, and shares of each bag.

    Unknown values have no column; row 0 is the entity that nothing is known of.
    """
    features = log.entities[side]
    columns = [field.name for field in log.schema.of(side, bag=False)]
    blocks = []
    for field in _side_fields(log, side):
        if field.bag:
            blocks.append(_bag_block(features, field))
        else:
            ids = features.ids[:, columns.index(field.name)].numpy()
            blocks.append(_block(np.arange(len(ids)), ids, np.ones(len(ids)), len(ids), field.vocabulary_size))
    return csr_array(hstack(blocks))


def _suggested(
    log: InteractionLog, side: EntitySide, own: NDArray[np.float64], weights: NDArray[np.float64], l2: float
) -> NDArray[np.float64]:
    features = side_features(log, side)
    fitted = np.flatnonzero(weights)
    coefficients, intercept = ridge(features[fitted], own[fitted], weights[fitted], l2)
    suggested: NDArray[np.float64] = np.asarray(features @ coefficients + intercept)
    return suggested


def _weights(rows: NDArray[np.int64], weighting: Weighting) -> NDArray[np.float64]:
    return np.asarray(rows ** {"none": 0.0, "sqrt": 0.5, "count": 1.0}[weighting], np.float64)


def _side_fields(log: InteractionLog, side: EntitySide) -> list[Field]:
    return [field for field in log.schema.fields if field.side == side and field.name != side]


def _bag_block(features: EntityFeatures, field: Field) -> csr_array:
    values, offsets = features.bags[field.name]
    lengths = offsets.diff()
    rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    shares: Tensor = (1 / lengths.clamp(min=1))[rows]
    return _block(rows.numpy(), values.numpy(), shares.numpy(), len(lengths), field.vocabulary_size)


def _block(
    rows: NDArray[np.int64], ids: NDArray[np.int32], values: NDArray[np.floating], n_rows: int, n_ids: int
) -> csr_array:
    known = ids != UNKNOWN
    return csr_array((values[known].astype(float), (rows[known], ids[known] - 1)), shape=(n_rows, n_ids - 1))
