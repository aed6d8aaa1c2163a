"""Histories in which a row counts less the more rows come after it."""

from scipy.sparse import csr_array

from cadc.errors import UsageError
from cadc.views.histories import Histories


def require_decay(group: str, decay: float) -> None:
    """Raise a UsageError for a factor that is not above 0 and at most 1."""
    if not 0 < decay <= 1:
        raise UsageError(f"{group}.decay is {decay}; expected a factor above 0, at most 1.")


def decayed(histories: Histories, n_items: int, decay: float) -> csr_array:
    """Return how much each item counts in each history: decay to the power of the number of items taken later.

    Parameters
    ----------
    histories : with labels; rows with label 0 do not count, and are not among those that come later.
    n_items : size of the vocabulary of items.
    decay : in (0, 1].

    Returns
    -------
    float32, shape [U, n_items]; items that occur twice in a history stay apart.

    Examples
    --------
    >>> import torch
    >>> first, items, labels = torch.tensor([0, 3]), torch.tensor([2, 0, 1]), torch.tensor([1.0, 0.0, 1.0])
    >>> histories = Histories(first, items, of=torch.tensor([0]), label=labels)
    >>> decayed(histories, n_items=3, decay=0.5).toarray().tolist()
    [[0.0, 1.0, 0.5]]
    """
    assert histories.label is not None, "history_columns names the label"
    taken = histories.label > 0
    so_far = taken.cumsum(0)
    at_end = so_far.new_zeros(len(so_far) + 1)
    at_end[1:] = so_far
    later = at_end[histories.first[1:]][histories.owners] - so_far
    return histories.matrix(taken * float(decay) ** later.float(), n_items)
