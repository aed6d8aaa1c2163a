"""Values that each row holds, as a sparse matrix."""

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN


def row_incidence(log: InteractionLog, rows: Tensor, field: str) -> csr_array:
    """Return the share of each value of a field in each row.

    The share is 1 for the value of a single-valued field, 1 / n for each of the n values of a bag, and 0 for *unknown*.

    Parameters
    ----------
    log : the log.
    rows : row numbers, int32 or int64, shape [n].
    field : name of a field.

    Returns
    -------
    float32, shape [n, vocabulary size].
    """
    if log.schema[field].bag:
        bag = log.gather(rows).bags[field]
        values = bag.values.long()
        lengths = torch.diff(torch.cat([bag.offsets.long(), torch.tensor([len(values)])]))
    else:
        values, lengths = log.field_ids(field, rows).long(), torch.ones(len(rows), dtype=torch.long)
    places = torch.repeat_interleave(lengths)
    known = values != UNKNOWN
    shares = 1 / lengths[places][known].float()
    return csr_array(
        (shares.numpy(), (places[known].numpy(), values[known].numpy())),
        shape=(len(rows), log.schema[field].vocabulary_size),
        dtype=np.float32,
    )
