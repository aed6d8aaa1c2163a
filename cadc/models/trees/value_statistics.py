"""Features of a row: how often each of its values occurs in some rows, and the mean label of these."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cadc.data.bags import spread_to_values
from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.data.schema import Field, Schema
from cadc.embeddings.coding.rows import means_of_rows


class ValueStatistics(nn.Module):
    """Of each field log(1 + n) and (s + m·μ) / (n + m), n rows with the row's value, labels s in all, μ the mean label.

    A bag has the means of its values, an empty one zeros. Dense features follow as they are.

    The features of a row that is trained on come from the rows outside of its fold. With its own label in them, that
    label would stand out; and without this label alone (leave-one-out) still, as the rows of a value would then differ
    by their labels and nothing else.

    Parameters
    ----------
    schema : of the log.
    shrinkage : m, rows of the mean label that are added to those of each value.
    """

    def __init__(self, schema: Schema, shrinkage: float) -> None:
        super().__init__()
        self.shrinkage = shrinkage
        self.single, self.bags = schema.single, schema.bags
        self.n_features = 2 * len(schema.fields) + len(schema.dense)
        for field in schema.fields:
            self.register_buffer(_name(field), torch.zeros(field.vocabulary_size, 2))

    def fit(self, log: InteractionLog, rows: Tensor, weights: Tensor, n_folds: int) -> Tensor:
        """Keep the statistics of all rows, and return features of each row that come from the other folds.

        Parameters
        ----------
        log : the log.
        rows : row numbers, int32 or int64, shape [n]; they are dealt into folds in turn.
        weights : of the rows, float32, shape [n].
        n_folds : number of folds, at least 2.

        Returns
        -------
        float32, shape [n, `n_features`].
        """
        fold = torch.arange(len(rows)) % n_folds
        parts = [part.split(EVALUATION_BATCH) for part in (rows, weights, fold)]
        fields = [*self.single, *self.bags]
        sums = {field.name: torch.zeros(2, n_folds * field.vocabulary_size, dtype=torch.float64) for field in fields}
        n_rows = torch.zeros(2, n_folds, dtype=torch.float64)
        for own, weight, of_fold in zip(*parts, strict=True):
            batch = log.gather(own)
            added = torch.stack([weight.double(), weight.double() * batch.label])
            n_rows.index_add_(1, of_fold, added)
            for column, field in enumerate(self.single):
                ids = batch.ids[:, column].long() + of_fold * field.vocabulary_size
                sums[field.name].index_add_(1, ids, added)
            for field in self.bags:
                bag = batch.bags[field.name]
                row = spread_to_values(torch.arange(len(batch)), bag)
                ids = bag.values.long() + of_fold[row] * field.vocabulary_size
                sums[field.name].index_add_(1, ids, added[:, row])
        outside = {}
        for field in fields:
            of_folds = sums[field.name].view(2, n_folds, field.vocabulary_size)
            total = of_folds.sum(1)
            self.get_buffer(_name(field)).copy_(self._statistics(total, n_rows.sum(1, keepdim=True)))
            others = total.unsqueeze(1) - of_folds
            of_others = n_rows.sum(1, keepdim=True) - n_rows
            outside[field.name] = self._statistics(others, of_others.unsqueeze(2)).flatten(0, 1).float()
        # Gathered again, since the ids of a large sample may take more memory than its features.
        pairs = zip(parts[0], parts[2], strict=True)
        return torch.cat([self._features(log.gather(own), outside, of_fold) for own, of_fold in pairs])

    def forward(self, batch: Batch) -> Tensor:
        """Return the features of rows by the statistics of all rows, float32, shape [B, `n_features`]."""
        tables = {field.name: self.get_buffer(_name(field)) for field in (*self.single, *self.bags)}
        return self._features(batch, tables, torch.zeros(len(batch), dtype=torch.int64, device=batch.ids.device))

    def _statistics(self, sums: Tensor, n_rows: Tensor) -> Tensor:
        """Return both statistics of values, shape [..., n, 2], from rows and labels of each, shape [2, ..., n]."""
        mean = n_rows[1] / n_rows[0]
        return torch.stack([sums[0].log1p(), (sums[1] + self.shrinkage * mean) / (sums[0] + self.shrinkage)], -1)

    def _features(self, batch: Batch, tables: Mapping[str, Tensor], fold: Tensor) -> Tensor:
        """Look up features in tables, one a fold, shape [K·n, 2]; `fold` is that of each row, int64, shape [B]."""
        found = [
            tables[field.name][batch.ids[:, column].long() + fold * field.vocabulary_size]
            for column, field in enumerate(self.single)
        ]
        for field in self.bags:
            bag = batch.bags[field.name]
            values = bag.values.long() + spread_to_values(fold * field.vocabulary_size, bag)
            found.append(means_of_rows(tables[field.name], values, bag.offsets))
        return torch.cat([*found, batch.dense], 1)


def _name(field: Field) -> str:
    return f"statistics_{field.name}"
