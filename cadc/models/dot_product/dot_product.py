"""What models share whose score is the dot product of a user's and an item's vector."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cadc.configuration.components import defaults
from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import CadcError, UsageError, require_at_least
from cadc.evaluation.saved_tables import Task
from cadc.models.linear_terms import LinearTerms
from cadc.models.model import Model
from cadc.models.ranking.by_fold import n_folds_of, scores_by_fold
from cadc.models.ranking.losses import bpr
from cadc.models.ranking.negatives import Negatives
from cadc.models.ranking.pair_fields import require_user_and_item
from cadc.models.ranking.pair_scorers import DotScorer
from cadc.models.ranking.pair_scores import Side

LookUp = Callable[[EntitySide, Batch], Tensor]
"""Returns the vectors of the users, or of the items, of a batch, shape [B, d]."""


class DotProductModel(Model):
    """u·v + w_u + w_i + c of the ids of user and item; other fields and dense features are not read.

    Rows are scored with logloss; items are ranked with BPR (Rendle et al., arXiv 1205.2618), for which c and w_u, equal
    for all items, are left out. A subclass says what u and v are.

    Parameters
    ----------
    entities : tables of the fields `user` and `item`.
    schema : of the log.
    run_task : `ctr` or `ranking`.
    biases : whether there are w_u and w_i, which start at 0; None has them where rows are scored.
    negatives : random items of the sample that each row with label 1 is to beat, to rank items.

    Raises
    ------
    UsageError : for options out of range, or a log without the field `user` or `item`.
    """

    can_rank: ClassVar[bool] = True

    def __init__(
        self,
        entities: Mapping[str, EmbeddingCollection],
        schema: Schema,
        run_task: Task,
        biases: bool | None,
        negatives: int,
    ) -> None:
        super().__init__()
        self.require_fields(schema)
        require_at_least(1, "model", negatives=negatives)
        self.ranks = run_task == "ranking"
        self.embeddings = nn.ModuleDict(entities)
        has_biases = not self.ranks if biases is None else biases
        names = ENTITY_FIELDS[1:] if self.ranks else ENTITY_FIELDS
        self.linear_terms = LinearTerms(schema, names, entities["user"].ranks) if has_biases else None
        self.constant = None if self.ranks else nn.Parameter(torch.zeros(()))
        if not any(weight.requires_grad for weight in self.parameters()):
            raise UsageError(
                f"{type(self).__name__} has no weight to train: its tables are frozen, and it has no biases; set "
                "initializer.freeze=false or model.biases=true."
            )
        self.negatives = Negatives(0, negatives)
        self.item_column = [field.name for field in schema.single].index("item")
        self.log: InteractionLog | None = None

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log without the fields `user` and `item`."""
        require_user_and_item(schema, cls.__name__)

    @classmethod
    def numbers_beside(cls, options: Mapping[str, Any], side: EntitySide, task: Task) -> int:
        """Return 1 where there are biases, which users have only where rows are scored."""
        biases = options.get("biases", defaults(cls)["biases"])
        has_biases = task == "ctr" if biases is None else biases
        return int(has_biases and (side == "item" or task == "ctr"))

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Count the items of the training rows (int64, shape [n]), which negatives are drawn from."""
        self.log = log
        self.negatives.begin(log.field_ids("item", rows).long())

    @abstractmethod
    def look_up(self) -> LookUp:
        """Return what looks up vectors, as the weights are now; in training they bear the penalty of tables."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the logit, or to rank items the score, of each row, shape [B]."""
        vectors = self.look_up()
        logits = (vectors("user", batch) * vectors("item", batch)).sum(1)
        if self.linear_terms is not None:
            logits = logits + self.linear_terms(batch)
        return logits if self.constant is None else logits + self.constant

    def loss(self, batch: Batch) -> Tensor:
        """Return the logloss of each row, or to rank items that of its item against negatives, shape [B].

        In ranking, rows with label 0 have a loss of 0.

        Raises
        ------
        CadcError : if `begin` was not called with the training rows.
        """
        if not self.ranks:
            return super().loss(batch)
        if self.log is None:
            raise CadcError(
                "negatives are drawn from the training rows, which are not known; call begin(log, rows) first."
            )
        contest = self.negatives.draw(batch.ids[:, self.item_column].long())
        # The id of an item that occurs in training is its row in the table of entities.
        items = self.log.items(contest.items.cpu()).to(batch.label.device)
        vectors = self.look_up()
        users = vectors("user", batch)
        scores = scores_by_fold(
            DotScorer(),
            Side(users, users[:, :0]),
            lambda candidates: self._item_side(vectors, candidates),
            items,
            contest.columns,
            batch.fold,
            self.n_folds,
        )
        return bpr(scores, contest.own, contest.weight) * batch.label

    @property
    def n_folds(self) -> int:
        """Folds whose rows look up other vectors of items; 0 where all look up the same."""
        items = self.embeddings["item"]
        assert isinstance(items, EmbeddingCollection)
        return n_folds_of(items)

    def _item_side(self, vectors: LookUp, items: Batch) -> Side:
        own = vectors("item", items)
        return Side(own, own[:, :0], None if self.linear_terms is None else self.linear_terms(items))

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of these n items, shape [b, n].

        They lack what is equal for all items of a user.
        """
        vectors = self.look_up()
        side = self._item_side(vectors, items)

        def score(users: Batch) -> Tensor:
            own = vectors("user", users)
            return own @ side.vectors.T if side.bias is None else torch.addmm(side.bias, own, side.vectors.T)

        return score
