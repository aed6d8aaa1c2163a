"""Coherence of the users of a log, by their training rows."""

import numpy as np

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.errors import NotWritable
from cadc.evaluation.coherence import Coherence, UserItems, coherence, items_of_users
from cadc.provenance.fingerprint import code_hash, digest
from cadc.storage.stage_cache import cached_folder

MOST_PAIRS = 1 << 27
"""Pairs of items up to which coherence is measured unasked: some seconds."""
FEW_PAIRS = 1 << 22
"""Pairs up to which it is measured faster than it is read from the cache."""
FILE = "coherence.npy"
COHERENCE = ("user_surprise", "user_conditional_surprise")
"""Columns of saved rows: the surprise and the conditional surprise of the row's user."""

_last: dict[str, Coherence | None] = {}
"""That of the log that was measured last, by its content: the runs of a sweep share it."""


def trained_items(log: InteractionLog) -> UserItems:
    """Return the different items of each user's training rows, as rows of the entity tables.

    Raises
    ------
    DataError : if the log has no users or no items.
    """
    user, item = (log.column(side, "train") for side in ENTITY_FIELDS)
    return items_of_users(user, item, *(log.n_entities(side) for side in ENTITY_FIELDS))


def user_coherence(log: InteractionLog) -> Coherence | None:
    """Return the coherence of each row of the user table; None without users, items, or with more than `MOST_PAIRS`."""
    if not set(ENTITY_FIELDS) <= set(log.entities):
        return None
    if log.content_hash in _last:
        return _last[log.content_hash]
    found = _measured(log)
    _last.clear()
    _last[log.content_hash] = found
    return found


def _measured(log: InteractionLog) -> Coherence | None:
    """Return the coherence of a log's users, from the cache where measuring takes longer."""

    def measure() -> Coherence | None:
        entries = trained_items(log.plain)
        return coherence(entries) if entries.n_pairs <= MOST_PAIRS else None

    n_rows = np.bincount(log.column("user", "train"))
    if int(n_rows @ n_rows) <= FEW_PAIRS:
        return measure()
    key = digest({"data": log.content_hash, "code": code_hash([__name__])})
    try:
        folder = cached_folder(
            "coherence", key, lambda folder: np.save(folder / FILE, np.array(measure() or (), float))
        )
    except NotWritable:  # a full or read-only cache does not fail a run that is nearly done
        return measure()
    kept = np.load(folder / FILE, allow_pickle=False)
    return Coherence(*kept) if len(kept) else None
