"""SVP-CF: selection via proxy for collaborative filtering (Sachdeva, Wu and McAuley, WSDM 2022)."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.sampling.proxy import Proxy
from cadc.sampling.sampler import entities_of_rows
from cadc.sampling.scored import ScoredSampler

Event = Literal["side", "error", "mistake"]


class SVPCFSampler(ScoredSampler):
    """Keeps the rows, or users, that a cheap proxy forgets most often while it trains on all rows.

    After each epoch a row is learned or not, and each change from learned to not learned is a forgetting event (Toneva
    et al., ICLR 2019). Rows with the same number of events are in random order. A row that is never learned has no
    event; Toneva et al. would keep it first, which among ratings keeps noise. The code of the paper's authors counts
    how often a row is wrong while the proxy is trained, and calls this forgetting events. `mistake` does so after each
    epoch, and keeps rows of the kind that `LossBasedSampler` warns of.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    by : `row` keeps the rows with most events. `user` keeps whole users, those with the highest mean first; of the last
        user only the most forgotten rows are kept, so that the size is exact.
    event : when a row counts as learned: `side` while its probability is on its label's side of 1/2, `error` after an
        epoch in which its error |p - y| fell. `mistake` counts the epochs on the wrong side in place of changes.
    dim : length of the proxy's vectors; at 0 it has biases only.
    epochs, learning_rate, l2, batch_size : options of the proxy, see `Proxy`.
    """

    def __init__(
        self,
        rate: float = 1.0,
        by: Literal["row", "user"] = "row",
        event: Event = "side",
        dim: int = 8,
        epochs: int = 20,
        learning_rate: float = 0.02,
        l2: float = 4.0,
        batch_size: int = 4096,
    ) -> None:
        super().__init__(rate)
        self.proxy = Proxy(dim, epochs, learning_rate, l2, batch_size)
        self.by: Literal["row", "user"] = by
        self.event: Event = event
        self.dim, self.epochs, self.learning_rate = dim, epochs, learning_rate
        self.l2, self.batch_size = l2, batch_size

    def scoring(self) -> dict[str, Any]:
        """Return the options of the event and the proxy."""
        return {"event": self.event, **vars(self.proxy)}

    def score(self, log: InteractionLog, seed: int) -> NDArray[np.floating]:
        """Return the number of events of each training row, shape [n]."""
        return count_events(self.proxy.margins(log, seed), self.event).numpy()

    def order(self, log: InteractionLog, scores: NDArray[np.floating], ties: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the numbers of all training rows, those with most events or of users with the highest mean first."""
        if self.by == "row":
            return np.lexsort((ties, -scores))
        user = entities_of_rows(log, "user")
        n_rows = np.bincount(user)
        mean = np.bincount(user, scores) / np.maximum(n_rows, 1)
        # One random number for each user, that of one of its rows, keeps the rows of tied users together.
        tie_of_user = np.zeros(len(n_rows))
        tie_of_user[user] = ties
        return np.lexsort((ties, -scores, tie_of_user[user], -mean[user]))


def count_events(margins: Iterable[Tensor], event: Event) -> Tensor:
    """Return how often each row was forgotten, or was wrong, float32, shape [n].

    Parameters
    ----------
    margins : margins after each epoch, shape [n] each; above 0 a row is on its label's side.
    event : see `SVPCFSampler`.

    Examples
    --------
    >>> after_epochs = [torch.tensor([1.0, -1.0]), torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0])]
    >>> count_events(after_epochs, "side").tolist(), count_events(after_epochs, "mistake").tolist()
    ([1.0, 0.0], [1.0, 2.0])
    """
    events = torch.zeros(0)
    before = learned = None
    for now in margins:
        if before is None:
            events = torch.zeros(len(now))
        if event == "mistake":
            events += (now <= 0).float()
        else:
            # The error falls if the margin grows; in the first epoch there is no earlier margin.
            learned_now = now > (0 if event == "side" else now if before is None else before)
            if learned is not None:
                events += (learned & ~learned_now).float()
            learned = learned_now
        before = now
    return events
