"""LightGCN: vectors that are averaged over the neighbours in the graph of interactions (He et al., SIGIR 2020)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide, Schema
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import UsageError, require_at_least
from cadc.evaluation.saved_tables import Task
from cadc.models.dot_product.dot_product import DotProductModel, LookUp
from cadc.models.dot_product.interaction_graph import InteractionGraph


class LightGCN(DotProductModel):
    """The vectors of the tables, E, are spread over a graph: (E + ÂE + … + Â^K E) / (K + 1) (arXiv 2002.02126, eq. 8).

    Â holds 1 / √(n_u n_i) for each pair of user and item with an edge, which have n_u and n_i edges. The edges are the
    pairs of the training rows in the sample: those with label 1 to rank items, and all of them to score rows, whose
    labels would otherwise be told by the edges. In a stream they are those of all segments so far.

    Every step spreads all vectors. The edges are saved with the model, and serve.

    Parameters
    ----------
    entities, schema, run_task, biases, negatives : see `DotProductModel`.
    layers : K.

    Raises
    ------
    UsageError : for options out of range, a log without the field `user` or `item`, or cross-fitted or shared tables.
    """

    reads_all_rows: ClassVar[bool] = True

    def __init__(
        self,
        entities: Mapping[str, EmbeddingCollection],
        schema: Schema,
        run_task: Task,
        layers: int = 3,
        biases: bool | None = None,
        negatives: int = 1,
    ) -> None:
        super().__init__(entities, schema, run_task, biases, negatives)
        require_at_least(0, "model", layers=layers)
        if self.n_folds:
            raise UsageError(
                "cross-fitted tables differ by row, and a graph joins rows of all folds; set factorization_rows=full "
                "or complement."
            )
        if entities["user"].ranks is not None:
            raise UsageError(
                "trainer.tables=sharded gives a process the vectors of its rows, and a graph joins those of all; use "
                "model=matrix_factorization, or leave trainer.tables out."
            )
        self.layers = layers
        self.sizes = [schema[name].vocabulary_size for name in ENTITY_FIELDS]
        self.graph = InteractionGraph(*self.sizes)

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Note the edges, and the items that negatives are drawn from, of training rows (int32 or int64, shape [n])."""
        super().begin(log, rows)
        own = rows[log.labels(rows) > 0] if self.ranks else rows
        self.graph.join(*(log.field_ids(name, own).long() for name in ENTITY_FIELDS))

    def follow(self, before: Mapping[str, Tensor]) -> None:
        """Add the edges of earlier segments of a stream."""
        self.graph.join_more(before["graph.first"], before["graph.items"])

    def look_up(self) -> LookUp:
        """Return what looks up the vectors that were spread."""
        spread = self._spread()

        def vectors(side: EntitySide, batch: Batch) -> Tensor:
            tables = self._tables(side)
            if tables.unknown is not None:
                batch = tables.unknown(batch)
            if self.training:
                # What is looked up here bears the penalty of tables; what is spread does not.
                tables(batch)
            return rows_of(spread[side], batch.ids[:, tables.columns[0][0]].long())

        return vectors

    def served_vectors(self) -> dict[str, Tensor]:
        """Return the vectors that were spread, float32, shape [vocabulary size, d], by field."""
        with torch.no_grad():
            return {side: vectors.clone() for side, vectors in self._spread().items()}

    def _spread(self) -> dict[EntitySide, Tensor]:
        device = self.graph.items.device
        ids = [torch.arange(n, device=device) for n in self.sizes]
        own = [self._tables(side).of_values(side, of_side) for side, of_side in zip(ENTITY_FIELDS, ids, strict=True)]
        parts = self.graph.spread(torch.cat(own), self.layers).split(self.sizes)
        return dict(zip(ENTITY_FIELDS, parts, strict=True))

    def _tables(self, side: EntitySide) -> EmbeddingCollection:
        found = self.embeddings[side]
        assert isinstance(found, EmbeddingCollection)
        return found
