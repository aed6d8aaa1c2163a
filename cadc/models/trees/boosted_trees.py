"""Gradient-boosted trees (Friedman 2001), grown on histograms by scikit-learn: a reference without vectors."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.errors import UsageError, require_at_least, require_positive
from cadc.evaluation.saved_tables import Task
from cadc.models.label_mean import mean_logit
from cadc.models.model import Model
from cadc.models.trees.forest import Forest
from cadc.models.trees.value_statistics import ValueStatistics


class BoostedTrees(Model):
    """Trees on how often a row's values occur in the sample, and their shrunk mean labels, see `ValueStatistics`.

    The features of a row of the sample come from the rows outside of its fold. All `trees` are grown, and as many of
    them kept as have the least logloss on the validation part.

    It reads no combination of values, such as a user's mean label of one category, and no other columns than those of
    the log. Fitting it needs scikit-learn, loading and scoring do not.

    Parameters
    ----------
    schema : of the log.
    trees : most trees.
    learning_rate : factor of each tree's values.
    leaves : most leaves of a tree.
    depth : most splits on the way to a leaf.
    min_rows : least rows in a leaf.
    l2 : penalty on the values of leaves.
    shrinkage : rows of the overall mean that are added to those of each value.
    folds : number of folds.

    Raises
    ------
    UsageError : for options out of range.
    """

    trainable: ClassVar[bool] = False
    fits_sample: ClassVar[bool] = True
    task: ClassVar[Task | None] = "ctr"

    def __init__(
        self,
        schema: Schema,
        trees: int = 300,
        learning_rate: float = 0.1,
        leaves: int = 31,
        depth: int = 8,
        min_rows: int = 20,
        l2: float = 1.0,
        shrinkage: float = 10.0,
        folds: int = 10,
    ) -> None:
        super().__init__()
        require_at_least(2, "model", leaves=leaves, folds=folds)
        require_at_least(1, "model", trees=trees, depth=depth, min_rows=min_rows)
        require_at_least(0, "model", l2=l2)
        require_positive("model", learning_rate=learning_rate, shrinkage=shrinkage)
        self.statistics = ValueStatistics(schema, shrinkage)
        self.forest = Forest(trees, leaves, depth)
        self.folds = folds
        self.options = {
            "max_iter": trees,
            "learning_rate": learning_rate,
            "max_leaf_nodes": leaves,
            "max_depth": depth,
            "min_samples_leaf": min_rows,
            "l2_regularization": l2,
        }

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Grow the trees on these rows, and cut their number by the validation part.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows, shape [n]; None for equal weights.
        offset : by how much the logit of the sample's labels exceeds that of all rows; it is subtracted.

        Raises
        ------
        UsageError : without scikit-learn.
        """
        given = torch.ones(len(rows)) if weights is None else weights
        features, labels = self.statistics.fit(log, rows, given, self.folds), log.labels(rows)
        if labels.unique().numel() == 1:
            self.forest.plant([], mean_logit(labels) - offset)
            return
        grown = _grown(features, labels, weights, self.options)
        trees = [predictor.nodes for (predictor,) in grown._predictors]
        self.forest.plant(trees, grown._baseline_prediction.item() - offset)
        held_out = log.rows("validation")
        self.n_validation = len(held_out)
        self.forest.cut(self._best_number(log, held_out))

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float64, shape [B]."""
        logits: Tensor = self.forest(self.statistics(batch))
        return logits

    def _best_number(self, log: InteractionLog, rows: Tensor) -> int:
        """Return the number of trees, 0 among them, that have the least logloss on some rows."""
        losses = torch.zeros(len(self.forest.value) + 1, dtype=torch.float64)
        for part in rows.split(EVALUATION_BATCH):
            batch = log.gather(part)
            of_trees = self.forest.by_tree(self.statistics(batch))
            first = self.forest.base.expand(len(batch), 1)
            logits = torch.cat([first, of_trees], 1).cumsum(1)
            labels = batch.label.double().unsqueeze(1).expand_as(logits)
            losses += binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(0)
        return int(losses.argmin())


def _grown(features: Tensor, labels: Tensor, weights: Tensor | None, options: dict[str, Any]) -> Any:
    """Return scikit-learn's classifier, fitted to features [n, D] and labels [n] with torch's number of threads."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise UsageError(
            "model=boosted_trees needs scikit-learn, which is not installed; run `pip install 'cadc[trees]'`."
        ) from error
    # The seed is that of the rows from which the borders of histograms are taken, of more than 200,000.
    classifier = HistGradientBoostingClassifier(**options, early_stopping=False, random_state=0)
    with threadpool_limits(torch.get_num_threads(), user_api="openmp"):
        return classifier.fit(features.numpy(), labels.numpy(), None if weights is None else weights.numpy())
