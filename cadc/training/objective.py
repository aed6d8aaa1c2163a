"""What training minimises: a model's mean loss of a batch, and the penalties of its tables."""

from collections.abc import Mapping

from torch import Tensor

from cadc.data.batch import Batch
from cadc.embeddings.base.table import EmbeddingTable
from cadc.models.model import Model
from cadc.training.vector_penalty import VectorPenalty


class Objective:
    """The loss of a batch with the penalties that apply to it; those of other weights are left to the optimiser.

    Parameters
    ----------
    model : whose `loss` of a batch is minimised.
    weight_decay_tables : L2 penalty on the vectors that a batch looks up, see `VectorPenalty`.
    shares : share of the training rows that hold each value, float, shape [vocabulary size], by field; None takes
        that of each batch.

    Attributes
    ----------
    vectors : the penalty of looked up vectors.
    """

    def __init__(self, model: Model, weight_decay_tables: float, shares: Mapping[str, Tensor] | None = None) -> None:
        self.model = model
        self.vectors = VectorPenalty(model, weight_decay_tables, shares)
        self._penalised = [table for table in model.modules() if isinstance(table, EmbeddingTable) and table.penalises]

    def mean_loss(self, batch: Batch) -> Tensor:
        """Return the weighted mean loss of the rows of a batch, without penalties."""
        with self.vectors.watching():
            loss = self.model.loss(batch)
        if batch.weight is not None:
            loss = loss * batch.weight
        return loss.mean()

    def penalised(self, loss: Tensor) -> Tensor:
        """Return the loss that `mean_loss` returned last plus the penalties of what it looked up."""
        loss = self.vectors.added_to(loss)
        for table in self._penalised:
            loss = loss + table.penalty()
        return loss
