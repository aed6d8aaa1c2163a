"""Where a factorisation starts that goes on from an earlier one of the same log, which has grown since."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cadc.data.schema import UNKNOWN
from cadc.factorization.factors import Factors


@dataclass(frozen=True)
class WarmStart:
    """The factors that a fit goes on from.

    Values that have arrived since come after the earlier ones, and start where a fit anew would.

    Parameters
    ----------
    factors : of the earlier fit; its fields may have fewer values than they have now.
    penalties : that the earlier fit came to, by name; the choice by validation starts from them.
    max_passes : most passes over the rows; None takes as many as a fit anew.

    Examples
    --------
    >>> before = WarmStart(Factors({"item": torch.ones(2, 1)}, {"item": torch.tensor([0.5, 0.75])}))
    >>> before.vectors("item", torch.zeros(3, 1)).flatten().tolist()
    [0.0, 1.0, 0.0]
    >>> biases, of_all = before.biases({"item": 3}, holds_global="item")
    >>> biases["item"].tolist(), of_all
    ([0.0, 0.25, 0.0], 0.5)
    """

    factors: Factors
    penalties: Mapping[str, float] = field(default_factory=dict)
    max_passes: int | None = None

    def passes(self, otherwise: int) -> int:
        """Return the most passes, given those of a fit anew."""
        return otherwise if self.max_passes is None else self.max_passes

    def vectors(self, name: str, initial: Tensor) -> Tensor:
        """Return the vectors of a field's values, given those that a fit anew starts from, shape [n_values, k]."""
        found, earlier = initial.clone(), self.factors.vectors[name]
        found[: len(earlier)] = earlier
        found[UNKNOWN] = 0
        return found

    def biases(self, n_values: Mapping[str, int], holds_global: str) -> tuple[dict[str, Tensor], float]:
        """Return biases by field, shape [n_values] each, zero for new values, and the bias of all rows.

        Parameters
        ----------
        n_values : number of values of each field, by name.
        holds_global : field whose biases have the bias of all rows added; it is that of its *unknown* value.
        """
        of_all = float(self.factors.biases[holds_global][UNKNOWN])
        found = {}
        for name, n in n_values.items():
            earlier = self.factors.biases[name]
            found[name] = torch.zeros(n)
            found[name][: len(earlier)] = earlier - of_all if name == holds_global else earlier
        return found, of_all

    def keep(self, factors: Factors, seen: Mapping[str, Tensor]) -> None:
        """Give values that no row holds what they had before, in place.

        Parameters
        ----------
        factors : of the fit that went on.
        seen : by field, whether its rows hold each value, bool, shape [n_values].
        """
        for name, is_seen in seen.items():
            earlier = self.factors.biases[name]
            kept = (~is_seen[: len(earlier)]).nonzero()[:, 0]
            kept = kept[kept != UNKNOWN]
            factors.vectors[name][kept] = self.factors.vectors[name][kept]
            factors.biases[name][kept] = earlier[kept]
