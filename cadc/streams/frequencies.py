"""How large the rows of a table are by how frequent their users or items are."""

import numpy as np
import torch
from torch import Tensor

GROUPS = 10
"""Groups of users or items of equal number, so that each is a tenth of them."""


def sizes_by_frequency(counts: Tensor, sizes: Tensor, n_groups: int = GROUPS) -> dict[str, list[float]]:
    """Return the mean number of training rows, and the mean size, of groups from the rarest to the most frequent.

    Groups have as many users or items as one another, or one more; *unknown* is in none. Of equally frequent ones,
    those that arrived first come first.

    Parameters
    ----------
    counts : training rows of each id so far, *unknown* first, int64, shape [n + 1].
    sizes : of the row of each id, int64, shape [n + 1].
    n_groups : number of groups; there are fewer where there are fewer ids.

    Returns
    -------
    groups : `frequency` and `size`, a mean for each group.

    Examples
    --------
    >>> sizes_by_frequency(torch.tensor([0, 5, 1, 3, 1]), torch.tensor([1, 8, 2, 4, 1]), n_groups=2)
    {'frequency': [1.0, 4.0], 'size': [1.5, 6.0]}
    """
    order = counts[1:].argsort(stable=True)
    places = np.array_split(order.numpy(), min(n_groups, len(order))) if len(order) else []
    return {
        name: [round(float(values[1:][torch.from_numpy(own)].double().mean()), 4) for own in places]
        for name, values in (("frequency", counts), ("size", sizes))
    }
