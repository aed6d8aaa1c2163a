"""Sampling of whole users, as models of sequences need it."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sampler, entities_of_rows


class UsersSampler(Sampler):
    """Keeps all rows of a random choice of users, and the first rows by time of one more, to meet the rate exactly.

    A user's chance does not depend on the number of his rows. With `factorization_rows=complement`, a factorisation
    knows nothing of these users: it suits models without vectors of users.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].

    Raises
    ------
    DataError : if the log has no users.
    UsageError : if the rate is out of its range.
    """

    allows_complement: ClassVar[bool] = True
    keeps_reservoirs: ClassVar[bool] = True

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return the place of each row if users were in random order, and those of a user in order of time, [n]."""
        user = entities_of_rows(log, "user")
        columns = [generator.permutation(log.n_entities("user"))[user]]
        if log.has_column("time"):
            columns.insert(0, log.column("time", "train"))
        places = np.empty(len(user))
        places[np.lexsort(columns)] = np.arange(len(user))
        return places

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return a random number of each row's user, see `Sampler.reservoir_keys`."""
        return generator.random(len(counts["user"]))[entities_of_rows(log, "user")]
