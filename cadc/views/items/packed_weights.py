"""Weights between items in few bytes: 16-bit ids where they fit, and 8 bits for a value beside its item's largest."""

from collections.abc import Mapping

import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.views.items.item_weights import SparseItemWeights

LARGEST = 127


def pack_weights(weights: csr_array) -> dict[str, Tensor]:
    """Return weights as arrays that serve.

    Parameters
    ----------
    weights : a row for each item that is weighed, float32, shape [n_items, n_items].

    Returns
    -------
    first, sources : see `SparseItemWeights`.
    values : int8, shape [n].
    largest : the largest absolute value of each item, which has 127 steps, float16, shape [n_items].

    Examples
    --------
    >>> packed = pack_weights(csr_array([[0, 0.5], [-0.25, 0]], dtype="float32"))
    >>> packed["values"].tolist(), unpack_weights(packed).values.round(decimals=2).tolist()
    ([127, -127], [0.5, -0.25])
    """
    whole = SparseItemWeights.of(weights)
    largest = torch.from_numpy(abs(weights).max(axis=1).toarray()).float()
    largest = largest.clamp_min(torch.finfo(torch.float16).tiny).half()
    steps = whole.values * LARGEST / torch.repeat_interleave(largest.float(), whole.first.diff())
    values = steps.round().clamp(-LARGEST, LARGEST).char()
    return {"first": whole.first, "sources": whole.sources, "values": values, "largest": largest}


def unpack_weights(arrays: Mapping[str, Tensor]) -> SparseItemWeights:
    """Return the weights of arrays that `pack_weights` returned, with values in float32."""
    first = arrays["first"]
    largest = torch.repeat_interleave(arrays["largest"].float(), first.diff())
    return SparseItemWeights(first, arrays["sources"], arrays["values"].float() / LARGEST * largest)
