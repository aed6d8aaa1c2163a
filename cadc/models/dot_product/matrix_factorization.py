"""Matrix factorisation by gradient descent (Koren et al. 2009), whose tables may be compressed as a network's."""

from collections.abc import Mapping

from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.schema import EntitySide, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.evaluation.saved_tables import Task
from cadc.models.dot_product.dot_product import DotProductModel, LookUp


class MatrixFactorization(DotProductModel):
    """The vectors are those of the tables.

    It is trained on the sample with the trainer's steps, and reads tables of any scheme and start.
    `cadc.models.factorization.FactorizationModel` is its sibling, which scores by a factorisation of the whole log.

    Parameters
    ----------
    entities, schema, run_task, biases, negatives : see `DotProductModel`.
    """

    def __init__(
        self,
        entities: Mapping[str, EmbeddingCollection],
        schema: Schema,
        run_task: Task,
        biases: bool | None = True,
        negatives: int = 1,
    ) -> None:
        super().__init__(entities, schema, run_task, biases, negatives)

    def look_up(self) -> LookUp:
        """Return what looks up the tables."""

        def vectors(side: EntitySide, batch: Batch) -> Tensor:
            found: Tensor = self.embeddings[side](batch)
            return found.squeeze(1)

        return vectors
