"""Ordinal view: what the factorisation says of other thresholds of the rating than that of the label."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.schema import Schema
from cadc.errors import DataError, UsageError, require_at_least
from cadc.views.evidence import Evidence
from cadc.views.factorization import arrays_of, logits_of, pair_logits_of
from cadc.views.view import RowsToScore, View


class OrdinalView(View):
    """Logits of r >= t for several thresholds t of the raw rating, each by a factorisation of its own.

    A label says only on which side of its own threshold a rating lies; the others tell a 1 from a 3, and a 4 from a 5
    (cumulative logits, McCullagh 1980, here without a common scale).

    Parameters
    ----------
    thresholds : t of each logit; null takes all ratings of the log but the lowest, and but the label's own threshold,
        which `factorization` has; of more than `most`, those that part the rows most evenly.
    most : thresholds at most.

    Raises
    ------
    UsageError : for an empty list of thresholds, or fewer than one.
    """

    needs_factors: ClassVar[bool] = True
    reads_ratings: ClassVar[bool] = True
    has_pairs: ClassVar[bool] = True

    def __init__(self, thresholds: Sequence[float] | None = None, most: int = 4) -> None:
        require_at_least(1, "views.ordinal", most=most)
        if thresholds is not None and not thresholds:
            raise UsageError("views.ordinal.thresholds is empty; name one, or set it to null for those of the log.")
        self.thresholds = None if thresholds is None else tuple(thresholds)
        self.most = most

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Accept any log: the factorisation says itself which fields it reads."""

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return the thresholds, and the tables of each factorisation.

        Raises
        ------
        DataError : if a threshold leaves only one label.
        """
        thresholds = self._thresholds(evidence)
        arrays = {"thresholds": torch.tensor(thresholds, dtype=torch.float32)}
        for number, threshold in enumerate(thresholds):
            found = arrays_of(evidence.factorize(threshold))
            arrays |= {f"{number}_{name}": table for name, table in found.items()}
        return arrays

    def _thresholds(self, evidence: Evidence) -> list[float]:
        ratings = evidence.ratings
        if self.thresholds is not None:
            for threshold in self.thresholds:
                if not 0 < int((ratings >= threshold).sum()) < len(ratings):
                    raise DataError(
                        f"views.ordinal.thresholds has {threshold:g}, which all or none of the ratings reach; they "
                        f"are from {float(ratings.min()):g} to {float(ratings.max()):g}."
                    )
            return list(self.thresholds)
        values, counts = torch.unique(ratings, return_counts=True)
        shares = counts.flip(0).cumsum(0).flip(0)[1:] / len(ratings)
        # The label's own threshold is the one that splits the rows as the label does.
        own = float(evidence.labels.mean())
        found = [(abs(float(s) - 0.5), float(v)) for v, s in zip(values[1:], shares, strict=True) if float(s) != own]
        return sorted(value for _, value in sorted(found)[: self.most])

    def columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return a name for each threshold, such as `at_least_3`."""
        return tuple(f"at_least_{threshold:g}" for threshold in fitted["thresholds"].tolist())

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the logits, float32, shape [B, number of thresholds]."""
        found = [logits_of(own, rows) for own in _tables(fitted)]
        return torch.stack(found, 1) if found else torch.zeros(len(rows), 0)

    def pair_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: RowsToScore) -> Tensor:
        """Return the logits of all pairs of b users and n items, float32, shape [b, n, number of thresholds]."""
        found = [pair_logits_of(own, users, items) for own in _tables(fitted)]
        return torch.stack(found, 2) if found else torch.zeros(len(users), len(items), 0)


def _tables(fitted: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return the tables of each threshold's factorisation."""
    return [
        {name.removeprefix(f"{number}_"): own for name, own in fitted.items() if name.startswith(f"{number}_")}
        for number in range(len(fitted["thresholds"]))
    ]
