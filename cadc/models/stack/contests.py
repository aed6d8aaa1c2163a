"""Contests that a stack learns to rank from: rows of the sample against what their users might have taken instead."""

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, UNKNOWN
from cadc.errors import DataError
from cadc.models.stack.ridge_softmax import Contests
from cadc.views.histories import KnownRows
from cadc.views.views import Views

MOST_CONTESTS = 2048
"""Rows that serve: a few weights need no more."""
MOST_NUMBERS = 1 << 26
"""Most numbers of candidates, 256 MB of float32."""


def contests_of(views: Views, log: InteractionLog, rows: Tensor, weights: Tensor | None = None) -> Contests:
    """Return contests between items, one for each of some rows with label 1, evenly spread over them.

    Candidates are all known items but those that the user took before, in a row of the training part; views read that
    part of the history alone.

    Parameters
    ----------
    views : that were not fitted on the rows.
    log : the log.
    rows : numbers of the training rows in the sample, int32 or int64, shape [n].
    weights : of the rows, shape [n]; None for equal weights.

    Raises
    ------
    DataError : if no row with label 1 has a known user and a known item.
    """
    users, items = (log.field_ids(name, rows).long() for name in ENTITY_FIELDS)
    found = ((log.labels(rows) > 0) & (users != UNKNOWN) & (items != UNKNOWN)).nonzero()[:, 0]
    if not len(found):
        raise DataError(
            f"none of the {len(rows)} rows in the sample has label 1, so no item is to be ranked before others; raise "
            "sampler.rate."
        )
    candidates = torch.arange(UNKNOWN + 1, views.n_items)
    n = min(MOST_CONTESTS, max(1, MOST_NUMBERS // (len(candidates) * len(views.columns))))
    kept = found if len(found) <= n else found[torch.linspace(0, len(found) - 1, n).long()]
    before = KnownRows.before(log, rows[kept])
    allowed = torch.ones(len(kept), views.n_items, dtype=torch.bool)
    allowed[before.owners, before.items] = False
    allowed[torch.arange(len(kept)), items[kept]] = True
    return Contests(
        views.of_items_at(log, rows[kept], candidates),
        items[kept] - candidates[0],
        allowed[:, UNKNOWN + 1 :],
        torch.ones(len(kept)) if weights is None else weights[kept].float(),
    )
