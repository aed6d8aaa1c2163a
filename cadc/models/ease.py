"""EASE as a model that ranks: the items of a user, weighed (Steck, WWW 2019)."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.errors import UsageError, require_at_least, require_positive
from cadc.evaluation.saved_tables import Task
from cadc.factorization.examples import read_examples
from cadc.factorization.positives import positive_pairs, sparse_matrix
from cadc.models.model import Model
from cadc.models.ranking.pair_fields import require_user_and_item
from cadc.views.items.ease_weights import ease_weights
from cadc.views.items.largest_by_column import largest_by_column
from cadc.views.next_item.decayed import require_decay
from cadc.views.user_rows import taken_items

MOST_ITEMS = 20_000
"""Items up to which the weights of all pairs are kept: 1.6 GB."""
N_SCORES = 1 << 22
"""Most scores held at once."""


class EASE(Model):
    """The score of an item is the sum of its weights from the items of the user, who took them with label 1.

    Weights are fitted to the sample, which by default is the whole training part; a user without items scores every
    item 0. Weights and items of users are saved, and both serve. It is untouched by `seed`, unless the sample depends
    on it.

    Parameters
    ----------
    schema : of the log.
    l2 : penalty on the squared weights.
    top_k : weights that are kept of those towards each item, the largest; None keeps all. They are all computed.
    history : which items of a user count: of the `sample`, or all that are `known` when items are ranked, which at the
        test are those of the training and of the validation part.
    decay : factor by which an item counts less for each item that its user took later; 1 counts all alike.

    Raises
    ------
    UsageError : for a log without the field `user` or `item`, or with too many items to keep all weights.
    """

    trainable: ClassVar[bool] = False
    task: ClassVar[Task | None] = "ranking"
    can_rank: ClassVar[bool] = True
    fits_sample: ClassVar[bool] = True

    history_first: Tensor
    history_items: Tensor
    weights: Tensor
    weight_first: Tensor
    weight_columns: Tensor

    def __init__(
        self,
        schema: Schema,
        l2: float = 300.0,
        top_k: int | None = None,
        history: Literal["sample", "known"] = "sample",
        decay: float = 1.0,
    ) -> None:
        super().__init__()
        self.require_fields(schema)
        require_positive("model", l2=l2)
        require_at_least(1, "model", **({} if top_k is None else {"top_k": top_k}))
        require_decay("model", decay)
        self.l2, self.history, self.decay = l2, history, decay
        single = [field.name for field in schema.single]
        self.user_column, self.item_column = (single.index(name) for name in ENTITY_FIELDS)
        self.n_users, self.n_items = (schema[name].vocabulary_size for name in ENTITY_FIELDS)
        self.top_k = None if top_k is None else min(top_k, self.n_items)
        if self.top_k is None and self.n_items > MOST_ITEMS:
            raise UsageError(
                f"the weights between the {self.n_items} items of this log take {4e-9 * self.n_items**2:.1f} GB, which "
                f"are saved and served; expected at most {MOST_ITEMS} items. Set model.top_k=1000 to keep the 1000 "
                "largest weights towards each item."
            )
        self.register_buffer("history_first", torch.zeros(self.n_users + 1, dtype=torch.int32))
        self.register_buffer("history_items", torch.zeros(0, dtype=torch.int32))
        if self.top_k is None:
            self.register_buffer("weights", torch.zeros(self.n_items, self.n_items))
        else:
            n_kept = self.n_items * self.top_k
            self.register_buffer("weights", torch.zeros(n_kept))
            self.register_buffer("weight_first", torch.zeros(self.n_items + 1, dtype=torch.int32))
            self.register_buffer("weight_columns", torch.zeros(n_kept, dtype=torch.int32))

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log without the fields `user` and `item`."""
        require_user_and_item(schema, "model=ease")

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Note which items each user has among these training rows (int64, shape [n]), those with label 1."""
        if self.history == "sample":
            self._note(log, rows)

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Note which items each user has among these rows, shape [n], those with label 1."""
        if self.history == "known":
            self._note(log, rows)

    def _note(self, log: InteractionLog, rows: Tensor) -> None:
        self.history_first, self.history_items = taken_items(log, rows)

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Compute the weights between the items of these rows.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows; they must be None.
        offset : has no meaning where rows with label 0 are not read.

        Raises
        ------
        UsageError : for rows with weights.
        DataError : if no row has label 1.
        """
        if weights is not None:
            raise UsageError("model=ease counts all rows alike, and this sampler weighs them; set sampler=uniform.")
        users, items, _ = positive_pairs(read_examples(log, ENTITY_FIELDS, rows), self.n_items)
        found = ease_weights(sparse_matrix(users, items, torch.ones(len(users)), (self.n_users, self.n_items)), self.l2)
        if self.top_k is None:
            self.weights = found
        else:
            self.weight_first, self.weight_columns, self.weights = largest_by_column(found, self.top_k)

    def forward(self, batch: Batch) -> Tensor:
        """Return the score of each row's user and item, shape [B]."""
        users, place = torch.unique(batch.ids[:, self.user_column], return_inverse=True)
        items, scores = batch.ids[:, self.item_column].long(), torch.empty(len(batch))
        history, weights = self._history(), self._weights()
        size = max(1, N_SCORES // self.n_items)
        for start in range(0, len(users), size):
            rows = ((place >= start) & (place < start + size)).nonzero()[:, 0]
            of_users = self._scores(history, weights, users[start : start + size])
            scores[rows] = of_users[place[rows] - start, items[rows]]
        return scores

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of these n items, shape [b, n]."""
        ids, history, weights = items.ids[:, self.item_column].long(), self._history(), self._weights()
        return lambda users: self._scores(history, weights, users.ids[:, self.user_column])[:, ids]

    def _scores(self, history: csr_array, weights: csr_array | NDArray[np.float32], users: Tensor) -> Tensor:
        """Return the scores of all ids of items for some ids of users (shape [b]), float32, shape [b, n_items]."""
        found = history[users.numpy()] @ weights
        return torch.from_numpy(found if isinstance(found, np.ndarray) else found.toarray())

    def _history(self) -> csr_array:
        """Return how much each item counts for each user, float32, shape [n_users, n_items]."""
        first, items = self.history_first.numpy(), self.history_items.numpy()
        n_later = np.repeat(first[1:], np.diff(first)) - 1 - np.arange(len(items))
        values = np.power(self.decay, n_later).astype(np.float32)
        found = csr_array((values, items, first), shape=(self.n_users, self.n_items))
        return found.sorted_indices()  # sums without a decay do not depend on the order in time, to the last digit

    def _weights(self) -> csr_array | NDArray[np.float32]:
        """Return the weights that were kept, shape [n_items, n_items], without a copy."""
        values: NDArray[np.float32] = self.weights.numpy()
        if self.top_k is None:
            return values
        shape = (self.n_items, self.n_items)
        return csr_array((values, self.weight_columns.numpy(), self.weight_first.numpy()), shape=shape)
