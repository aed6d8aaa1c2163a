"""Coherence of the users of a log, by their training rows."""

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.evaluation.coherence import Coherence, UserItems, coherence, items_of_users

MOST_PAIRS = 1 << 27
"""Pairs of items up to which coherence is measured unasked: some seconds."""
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
    entries = trained_items(log.plain)
    found = coherence(entries) if entries.n_pairs <= MOST_PAIRS else None
    _last.clear()
    _last[log.content_hash] = found
    return found
