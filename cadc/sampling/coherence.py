"""Sampling by the coherence of users (Soumm et al., arXiv 2410.02453)."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.errors import UsageError
from cadc.evaluation.coherence import conditional_surprise, surprise
from cadc.evaluation.user_coherence import trained_items
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import entity_column
from cadc.sampling.unequal import UnequalSampler, Weighting

Measure = Literal["conditional", "surprise"]


class CoherenceSampler(UnequalSampler):
    """Keeps rows with probability proportional to exp(-β·z), z the standardised surprise of their user.

    The mean conditional surprise of a user is low if users who have one of that user's items often have the others, see
    `cadc.evaluation.coherence`. It is standardised over users; those with fewer than two items count as average.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1].
    measure : `conditional` surprise, of items given one another, or `surprise`, of items alone.
    beta : β: 0 is uniform, above 0 prefers rows of coherent users, below 0 those of the others.
    weighting, clip : see `UnequalSampler`.
    """

    allows_complement: ClassVar[bool] = True

    def __init__(
        self,
        rate: float = 1.0,
        measure: Measure = "conditional",
        beta: float = 1.0,
        weighting: Weighting = "none",
        clip: float | None = 10.0,
    ) -> None:
        super().__init__(rate, weighting, clip)
        if not abs(beta) <= 10:
            raise UsageError(f"sampler.beta is {beta}; it must be a number from -10 to 10.")
        self.measure: Measure = measure
        self.beta = beta

    def sizes(self, log: InteractionLog, factors: Callable[[], Factors] | None = None) -> NDArray[np.float64]:
        """Return exp(-β·z) of each row's user, shape [n]."""
        users = entity_column(log, "user")
        entity_column(log, "item")  # raises without items
        found = (conditional_surprise if self.measure == "conditional" else surprise)(trained_items(log))
        known = found[is_known := np.isfinite(found)]
        z = np.zeros(len(found))
        if len(known) and (spread := known.std()) > 0:
            z[is_known] = (known - known.mean()) / spread
        return np.exp(-self.beta * z)[users]
