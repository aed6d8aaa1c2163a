"""Statistics view: how often the values of fields occur, and how their labels and ratings differ from the mean."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.errors import UsageError, require_positive
from cadc.views.evidence import Evidence
from cadc.views.view import RowsToScore, View


class StatisticsView(View):
    """Statistics of the single values of a row (target statistics, Micci-Barreca 2001).

    Let n be the number of rows with the row's value of a field, and m the number of these with label 1. Each field has
    log(1 + n), and the smoothed log-odds of label 1 less those of all rows, log((m + s·p) / (n - m + s·(1 - p))) -
    log(p / (1 - p)) with the share p of label 1 in all rows. Where the log has raw ratings, each field also has their
    shrunken mean Σ (r - mean) / (n + s), and their spread: the root of the shrunken mean square of what is left over,
    which tells who rates everything alike.

    Parameters
    ----------
    fields : names of single-valued fields; None takes `user` and `item` if the log has both, else all fields.
    shrinkage : s, the number of rows with the log's mean that are added to those of each value.
    ratings : whether mean ratings are among the numbers where the log has ratings.

    Raises
    ------
    UsageError : if the shrinkage is not above 0, or the list of fields is empty.
    """

    has_pairs: ClassVar[bool] = True

    def __init__(self, fields: Sequence[str] | None = None, shrinkage: float = 5.0, ratings: bool = True) -> None:
        require_positive("views.statistics", shrinkage=shrinkage)
        if fields is not None and not fields:
            raise UsageError("views.statistics.fields is empty; name a field, or set it to null for user and item.")
        self.fields = None if fields is None else tuple(fields)
        self.shrinkage, self.ratings = shrinkage, ratings

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log without single-valued fields."""
        if not schema.single:
            raise UsageError(
                "the view statistics reads single-valued fields, and this log has none; leave it out of views."
            )

    def fit(self, evidence: Evidence) -> dict[str, Tensor]:
        """Return the statistics of each field's values, float32, shape [vocabulary size, 2 or 4].

        Raises
        ------
        UsageError : if a field is a bag.
        DataError : if the log lacks a field.
        """
        log, s = evidence.log, self.shrinkage
        labels = evidence.labels.double()
        share = (labels.sum() + 0.5) / (len(labels) + 1)  # never 0 or 1
        arrays = {}
        for name in self._fields(log.schema):
            n_values = log.schema[name].vocabulary_size
            ids = log.field_ids(name, evidence.rows).long()
            counts = torch.bincount(ids, minlength=n_values)
            totals = counts.double() + s
            liked = torch.bincount(ids, labels, minlength=n_values)
            odds = (liked + s * share) / (counts - liked + s * (1 - share))
            found = [counts.log1p(), odds.log() - share.logit()]
            if self.ratings and evidence.has_ratings:
                rest = evidence.ratings.double() - evidence.ratings.double().mean()
                means = torch.bincount(ids, rest, minlength=n_values) / totals
                squares = (rest - means[ids]).square()
                found.append(means)
                found.append(((torch.bincount(ids, squares, minlength=n_values) + s * squares.mean()) / totals).sqrt())
            arrays[name] = torch.stack(found, 1).float()
        return arrays

    def _fields(self, schema: Schema) -> Sequence[str]:
        if self.fields is None:
            has_both = all(name in schema for name in ENTITY_FIELDS)
            return ENTITY_FIELDS if has_both else [field.name for field in schema.single]
        if bags := [name for name in self.fields if schema[name].bag]:
            raise UsageError(
                f"views.statistics.fields has {bags[0]}, which holds several values a row; choose some of "
                f"{', '.join(field.name for field in schema.single)}."
            )
        return self.fields

    def columns(self, fitted: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Return the names of the numbers, such as `user_count`, `user_label`, `user_rating` and `user_spread`."""
        said = ("count", "label", "rating", "spread")
        return tuple(f"{field}_{what}" for field, table in sorted(fitted.items()) for what in said[: table.shape[1]])

    def numbers(self, fitted: Mapping[str, Tensor], rows: RowsToScore) -> Tensor:
        """Return the statistics of the values of each field, in alphabetical order of fields, float32, shape [B, K]."""
        places = {field.name: place for place, field in enumerate(rows.schema.single)}
        found = [table.index_select(0, rows.batch.ids[:, places[name]]) for name, table in sorted(fitted.items())]
        return torch.cat(found, 1)

    def pair_numbers(self, fitted: Mapping[str, Tensor], users: RowsToScore, items: RowsToScore) -> Tensor:
        """Return the statistics of all pairs of b users and n items, float32, shape [b, n, K]."""
        places = {field.name: (place, field.side == "item") for place, field in enumerate(users.schema.single)}
        shape, found = (len(users), len(items), -1), []
        for name, table in sorted(fitted.items()):
            place, of_item = places[name]
            own = table.index_select(0, (items if of_item else users).batch.ids[:, place])
            found.append((own.unsqueeze(0) if of_item else own.unsqueeze(1)).expand(*shape))
        return torch.cat(found, 2)
