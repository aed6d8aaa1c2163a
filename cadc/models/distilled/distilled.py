"""A stack of views distilled: biases and vectors of users and items in a few bits, and nothing else that serves."""

from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, EntitySide, Schema
from cadc.errors import UsageError, require_at_least
from cadc.evaluation.saved_tables import Task
from cadc.models.distilled.packed_columns import bytes_of, columns_of, pack_columns
from cadc.models.distilled.rounded_product import rounded_product
from cadc.models.model import Model
from cadc.models.platt import fit_platt
from cadc.models.stack.stack import Stack
from cadc.randomness import numpy_generator
from cadc.views.views import Views

MOST_PAIRS = 1 << 28
"""Pairs of users and items that a stack is computed for, with 4 bytes each."""

CELLS = 1 << 23
"""Numbers of views that are held at once."""


class Distilled(Model):
    """logit = a (m + b_u + b_i + p_u·q_i) + c, which imitates a stack of views (distillation, Hinton et al. 2015).

    A stack is fitted on the sample as `Stack` does. Its logits of all pairs of users and items make a matrix, and the
    product of rounded vectors that comes nearest to it is what serves: each user and each item takes `bits` bits, which
    are dealt out to the columns of its vector by what they gain. a and c are then fitted to the sample. Errors weigh by
    √(n_u n_i), where n are the training rows of a user and an item. What is *unknown* has bias and vector 0; context
    and dense columns are left out.

    Parameters
    ----------
    views : the views of the stack, which are not part of the model that is saved.
    schema : of the log.
    bits : of each user and each item.
    dim : length of a vector at most; directions that no bit is worth are left out.
    l2 : of the stack, see `Stack`.

    Raises
    ------
    UsageError : for a number that is too low; for a log without users and items, or with too many of them; for a view
        that reads what a pair of user and item does not have, such as a time.
    """

    trainable: ClassVar[bool] = False
    task: ClassVar[Task | None] = "ctr"
    fits_sample: ClassVar[bool] = True
    takes_views: ClassVar[bool] = True
    needs_views: ClassVar[bool] = True

    codes_user: Tensor
    codes_item: Tensor
    steps_user: Tensor
    steps_item: Tensor
    widths: Tensor
    scalars: Tensor

    def __init__(self, views: Views, schema: Schema, bits: int = 35, dim: int = 16, l2: float = 1.0) -> None:
        super().__init__()
        require_at_least(1, "model", bits=bits, dim=dim)
        self.require_fields(schema)
        for name, view in views.views.items():
            if not (view.has_pairs or view.can_rank) or view.reads_times:
                raise UsageError(
                    f"the view {name} has no numbers for pairs of user and item alone, which a distilled model "
                    "imitates; leave it out of views."
                )
        self.bits, self.dim, self.l2 = bits, dim, l2
        # In a list, so that it is no part of what is saved.
        self._views = [views]
        single = [field.name for field in schema.single]
        self._columns = {name: single.index(name) for name in ENTITY_FIELDS}
        self._sizes = {name: schema[name].vocabulary_size for name in ENTITY_FIELDS}
        for name, n in self._sizes.items():
            self.register_buffer(f"codes_{name}", torch.zeros(bytes_of(n, bits), dtype=torch.uint8))
            self.register_buffer(f"steps_{name}", torch.zeros(dim + 1))
        self.register_buffer("widths", torch.zeros(dim + 1, dtype=torch.uint8))
        self.register_buffer("scalars", torch.zeros(3, dtype=torch.float64))

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log without users or items, or with too many pairs of them."""
        missing = [name for name in ENTITY_FIELDS if name not in schema]
        if missing:
            raise UsageError(f"model=distilled has vectors of users and items, and this log has no field {missing[0]}.")
        n_users, n_items = (schema[name].vocabulary_size for name in ENTITY_FIELDS)
        if n_users * n_items > MOST_PAIRS:
            raise UsageError(
                f"model=distilled computes the stack for all pairs of users and items, {n_users} x {n_items} here; "
                f"expected at most {MOST_PAIRS}. Take model=stack."
            )

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit a stack on these rows, round its logits of all pairs, and fit a and c to the rows.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows, shape [n]; None for equal weights.
        offset : logit that is added in the fit only, see `cadc.sampling.sampler.Sample`.
        """
        (views,) = self._views
        stack = Stack(views, "ctr", self.l2)
        stack.fit_sample(log, rows, weights, offset)
        with torch.inference_mode():
            self._imitate(self._logits_of_pairs(log, stack), *self._masses(log))
            logits = torch.cat([self._product(log.gather(part)) for part in rows.split(EVALUATION_BATCH)])
        a, c = fit_platt(logits, log.labels(rows), weights, offset)
        self.scalars[1], self.scalars[2] = a, c

    def _logits_of_pairs(self, log: InteractionLog, stack: Stack) -> Tensor:
        """Return the stack's logits of all users and items, float32, shape [U, I]."""
        log, (views,) = log.plain, self._views
        n_users, n_items = self._sizes.values()
        score, weights = views.pair_scorer(log.items(torch.arange(n_items))), stack.weights.float()
        size = max(1, CELLS // (n_items * len(weights)))
        found = torch.empty(n_users, n_items)
        for users in torch.arange(n_users).split(size):
            found[users] = score(log.users(users)) @ weights
        return found

    def _masses(self, log: InteractionLog) -> list[Tensor]:
        """Return the square roots of the training rows of each user and each item; 0 for *unknown*."""
        masses = []
        for name, n in self._sizes.items():
            ids = log.plain.field_ids(name, log.rows("train")).long()
            masses.append((torch.bincount(ids, minlength=n) + 1.0).sqrt())
            masses[-1][0] = 0.0
        return masses

    def _imitate(self, logits: Tensor, user_mass: Tensor, item_mass: Tensor) -> None:
        dim = min(self.dim, *logits.shape)
        generator = numpy_generator(0, "distilled")
        found = rounded_product(logits, user_mass, item_mass, dim, self.bits, generator)
        n = len(found.widths)
        self.widths[:n] = torch.tensor(found.widths, dtype=torch.uint8)
        self.scalars[0] = found.mean
        for name, side in zip(ENTITY_FIELDS, (found.users, found.items), strict=True):
            codes, steps = self.get_buffer(f"codes_{name}"), self.get_buffer(f"steps_{name}")
            steps[:n] = side.steps
            codes.copy_(pack_columns(side.levels, side.steps, found.widths, len(codes)))

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float64, shape [B]."""
        return self.scalars[1] * self._product(batch) + self.scalars[2]

    def _product(self, batch: Batch) -> Tensor:
        """Return m + b_u + b_i + p_u·q_i, float64, shape [B]."""
        users, items = (self._levels(batch, name) for name in ENTITY_FIELDS)
        products = users[:, 1:] * items[:, 1:]
        # Unlike with `torch.sum`, the bits of a row do not depend on its place.
        return self.scalars[0] + sum(products.double().unbind(1), (users[:, 0] + items[:, 0]).double())

    def _levels(self, batch: Batch, name: EntitySide) -> Tensor:
        """Return bias and vector of the user or the item of each row, float32, shape [B, dim + 1]."""
        n, ids = self._sizes[name], batch.ids[:, self._columns[name]].long()
        known = ids.where(ids < n, 0)  # those of cold users or items have no vector
        codes, steps = self.get_buffer(f"codes_{name}"), self.get_buffer(f"steps_{name}")
        return columns_of(codes, known, n, steps, self.widths)
