"""SASRec: self-attention over the items that a user took (Kang and McAuley, ICDM 2018, arXiv 1808.09781)."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.schemes.folds import FoldTables
from cadc.errors import CadcError, UsageError, require_at_least, require_probability
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model
from cadc.models.on_views.ranking_base import RankingBase
from cadc.models.ranking.losses import softmax
from cadc.models.ranking.negatives import Negatives
from cadc.models.ranking.pair_fields import require_user_and_item
from cadc.models.sequence.causal_attention import CausalBlock, Packing
from cadc.models.sequence.histories import Before, ItemHistories, Source
from cadc.views.views import Views

SEQUENCES = 256
"""Sequences that are read at once where items are ranked."""


class SASRec(Model):
    """Predicts a user's next item from the items before it, by cross-entropy over items.

    A sequence is a start token and a user's items in order of time; the output at each token, times the vector of an
    item, is the score of that item to come next. Input and output share the items' vectors; there are none of users, so
    that users who never trained are served as well. Cross-entropy over all items in place of one negative item is what
    makes the model as good as later ones (Klenitskiy and Vasilev, RecSys 2023, arXiv 2309.07602).

    The history of a training row is cut into windows of `length` tokens, counted from its user's last row, so that each
    row has a loss and one pass computes those of a window. A row sees the part of its window before it; positions are
    counted from the window's end. What is ranked sees the last `length` tokens.

    Parameters
    ----------
    items : table of the field `item`.
    views : views whose stack the model corrects: score = stack + g · network, where g starts at 0; None for none.
    schema : the fields; `user` and `item` must be among them.
    generator : draws the initial weights.
    layers : blocks of attention and feed-forward layer.
    heads : of attention; a divisor of the vectors' length.
    length : tokens of a window.
    hidden : width of the feed-forward layers.
    dropout : probability that an input or an output of a layer is dropped in training.
    negatives : number of random items that a batch adds to its own items, whose sampled softmax is corrected for
        popular items being drawn more often; `all` takes all items of the sample.
    history_rows : what comes before a training row: `all` training rows, or those of the `sample` alone. What is ranked
        has all rows before it in either case.

    Raises
    ------
    UsageError : for options that do not fit together, or a log without the field `user` or `item`.
    """

    task: ClassVar[Task | None] = "ranking"
    can_rank: ClassVar[bool] = True
    shuffles_users: ClassVar[bool] = True
    takes_views: ClassVar[bool] = True
    fits_sample: ClassVar[bool] = True

    def __init__(
        self,
        items: EmbeddingCollection,
        views: Views | None,
        schema: Schema,
        generator: torch.Generator,
        layers: int = 2,
        heads: int = 2,
        length: int = 200,
        hidden: int = 128,
        dropout: float = 0.2,
        negatives: int | Literal["all"] = "all",
        history_rows: Source = "all",
    ) -> None:
        super().__init__()
        self.require_fields(schema)
        require_at_least(1, "model", layers=layers, heads=heads, length=length, hidden=hidden)
        require_at_least(0, "model", negatives=0 if negatives == "all" else negatives)
        require_probability("model", dropout=dropout)
        if items.dim % heads:
            raise UsageError(f"embedding.dim is {items.dim}, which model.heads={heads} does not divide.")
        if any(isinstance(table, FoldTables) for table in items.tables):
            raise UsageError(
                "cross-fitted tables differ by row, and a sequence has rows of all folds; set factorization_rows=full "
                "or complement."
            )
        self.embeddings, self.length, self.scale = items, length, items.dim**0.5
        self.negatives = None if negatives == "all" else Negatives("all", negatives)
        self.histories = ItemHistories(schema, history_rows, length)
        std = 0.05 * self.scale
        self.start = nn.Parameter(torch.empty(items.dim).normal_(0, std, generator=generator))
        self.positions = nn.Parameter(torch.empty(length, items.dim).normal_(0, std, generator=generator))
        self.blocks = nn.ModuleList([CausalBlock(items.dim, heads, hidden, dropout, generator) for _ in range(layers)])
        self.norm, self.dropout = nn.LayerNorm(items.dim), nn.Dropout(dropout)
        self.starts_at_base = views is not None
        self.base = None if views is None else RankingBase(views)
        self.n_fields = len(schema.single)
        self.item_column = [field.name for field in schema.single].index(ENTITY_FIELDS[1])
        self.catalogue: Tensor | None = None

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log without the fields `user` and `item`."""
        require_user_and_item(schema, "model=sasrec")

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Note the histories, and the items of the training rows (int64, shape [n]), which compete in the loss."""
        self.histories.begin(log, rows)
        items = log.field_ids(ENTITY_FIELDS[1], rows).long()
        self.catalogue = torch.unique(items)
        if self.negatives is not None:
            self.negatives.begin(items)

    @classmethod
    def reads_histories(cls, options: Mapping[str, Any]) -> bool:
        """Return that it reads histories."""
        return True

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Note the histories of users before what is ranked, from these rows, shape [n]."""
        self.histories.remember(log, rows)
        if self.base is not None:
            self.base.remember(log, rows)

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit the stack of views, if there are any; see `Stack.fit_sample`."""
        if self.base is not None:
            self.base.fit_sample(log, rows, weights)

    def forward(self, batch: Batch) -> Tensor:
        """Return the score of each row's item to come after its user's history, shape [B]."""
        scores = (self._after(batch) * self._vectors(batch.ids[:, self.item_column])).sum(1)
        return scores if self.base is None else self.base.corrected(self.base(batch), scores)

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of these n items, shape [b, n]."""
        vectors = self._vectors(items.ids[:, self.item_column])
        base = None if self.base is None else self.base.item_scorer(items)

        def score(users: Batch) -> Tensor:
            scores = self._after(users) @ vectors.T
            return scores if base is None or self.base is None else self.base.corrected(base(users), scores)

        return score

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of each row, shape [B]; 0 for rows with label 0.

        Raises
        ------
        CadcError : if `begin` was not called with the training rows.
        """
        if self.catalogue is None:
            raise CadcError("the items that compete are those of the training rows; call begin(log, rows) first.")
        outputs = self._before_rows(self.histories.before_rows(batch))
        own = batch.ids[:, self.item_column].long()
        if self.negatives is None:
            items = self.catalogue.to(own.device)
            scores = self._scores(batch, outputs, items)
            losses = cross_entropy(scores, torch.searchsorted(items, own), reduction="none")
        else:
            contest = self.negatives.draw(own)
            scores = self._scores(batch, outputs, contest.items)
            losses = softmax(scores, contest.own, contest.weight, contest.log_expected)
        return losses * batch.label

    def _scores(self, batch: Batch, outputs: Tensor, items: Tensor) -> Tensor:
        """Return the scores of items (ids, shape [m]) at the outputs before rows (shape [B, dim]), shape [B, m]."""
        scores = outputs @ self.embeddings.of_values(ENTITY_FIELDS[1], items).T
        if self.base is None:
            return scores
        assert batch.row is not None, "before_rows of the histories refuses such batches"
        return self.base.corrected(self.base.before_rows(batch.row, items), scores)

    def _before_rows(self, before: Before) -> Tensor:
        """Return the output at the last token before each training row, shape [B, dim]."""
        # A token lies behind the item of its number, the start token being the first; so does the row that it predicts.
        window = (before.last - before.end).clamp(min=0) // self.length
        _, sequence = torch.unique(before.users * (len(before.items) + 1) + window, return_inverse=True)
        n_sequences = int(sequence.max()) + 1

        def of_sequence(values: Tensor) -> Tensor:
            return values.new_zeros(n_sequences).scatter_reduce(0, sequence, values, "amax", include_self=False)

        origin, end, last = (of_sequence(values) for values in (before.first, before.end, before.last))
        shift = self.length * (of_sequence(window) + 1) - 1 - (last - origin)
        start = (-shift).clamp(min=0)
        packing = Packing(end - origin - start + 1)
        outputs = self._outputs(before.items, origin, start, shift, packing)
        return outputs[packing.starts[sequence] + before.end - before.first - start[sequence]]

    def _after(self, batch: Batch) -> Tensor:
        """Return the output at the last token of the history of each row's user, shape [B, dim]."""
        before = self.histories.of_users(batch)
        users, place = torch.unique(before.users, return_inverse=True)
        of_user = torch.empty(len(users), dtype=torch.int64, device=place.device)
        of_user[place] = torch.arange(len(place), device=place.device)
        found = []
        for rows in of_user.split(SEQUENCES):
            origin, n_before = before.first[rows], before.end[rows] - before.first[rows]
            shift = self.length - 1 - n_before
            start = (-shift).clamp(min=0)
            packing = Packing(n_before - start + 1)
            outputs = self._outputs(before.items, origin, start, shift, packing)
            found.append(outputs[packing.starts + packing.lengths - 1])
        return torch.cat(found)[place] if found else self.start.new_zeros(0, self.embeddings.dim)

    def _outputs(self, items: Tensor, origin: Tensor, start: Tensor, shift: Tensor, packing: Packing) -> Tensor:
        """Return the outputs at the tokens of S sequences, one after the other, shape [T, dim].

        Parameters
        ----------
        items : of all users, see `Before`.
        origin : where the items of each sequence's user begin, int64, shape [S].
        start : number of the first token that is read, int64, shape [S]; 0 is the start token.
        shift : position of token 0, int64, shape [S].
        packing : how many tokens are read.
        """
        owners = packing.owners
        number = torch.arange(len(owners), device=owners.device) + (start - packing.starts)[owners]
        is_start = number == 0
        # What the start token looks up does not count; without any item there is nothing else.
        ids = (items if len(items) else items.new_zeros(1))[(origin[owners] + number - 1).clamp(min=0)]
        inputs = torch.where(is_start.unsqueeze(1), self.start, self._vectors(ids) * self.scale)
        tokens = self.dropout(inputs + self.positions[number + shift[owners]])
        places = packing.padded_places()
        for block in self.blocks:
            tokens = block(tokens, packing, places)
        normalised: Tensor = self.norm(tokens)
        return normalised

    def _vectors(self, ids: Tensor) -> Tensor:
        """Return the vectors of items (ids, shape [n]), which bear the penalty of tables, shape [n, dim]."""
        of_fields = ids.new_zeros(len(ids), self.n_fields, dtype=torch.int32)
        of_fields[:, self.item_column] = ids
        nothing = torch.zeros(len(ids), device=ids.device)
        vectors: Tensor = self.embeddings(Batch(of_fields, {}, nothing[:, None][:, :0], nothing))[:, 0]
        return vectors
