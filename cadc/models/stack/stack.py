"""The stack: a linear model of views, the reference that reads what a network reads, but is linear."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.errors import UsageError, require_at_least
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model
from cadc.models.stack.contests import contests_of
from cadc.models.stack.ridge_logistic import ridge_logistic
from cadc.models.stack.ridge_softmax import ridge_softmax
from cadc.views.views import Views

LARGEST = 4.0
"""Standardised numbers are cut off here, so that rows far from those of the sample do not lead products astray."""
N_NUMBERS = 1 << 24
"""Most numbers of views that are held at once when items are ranked."""


class Stack(Model):
    """logit = w·x + c, where x are the numbers that views give for a row (stacked generalisation, Wolpert 1992).

    Weights are fitted on the sample, whose rows no view has read: for click prediction by logistic regression on the
    labels; for ranking by softmax regression (conditional logit, McFadden 1974), in which the item of a row with label
    1 is to stand out from all items that its user had not taken before.

    With the factorisation as its only view it is Platt scaling with a penalty.

    Parameters
    ----------
    views : the views.
    run_task : what the run is judged by.
    l2 : penalty on the squared weights of standardised numbers.
    pairs_l2 : also weigh the products of all pairs of standardised numbers, squares included, with this penalty; None
        leaves the stack linear. Numbers are cut off at ±4 in products.

    Raises
    ------
    UsageError : for a negative penalty, views that cannot rank where items are ranked, or products there.
    """

    trainable: ClassVar[bool] = False
    can_rank: ClassVar[bool] = True
    fits_sample: ClassVar[bool] = True
    takes_views: ClassVar[bool] = True
    needs_views: ClassVar[bool] = True

    weights: Tensor
    bias: Tensor
    mean: Tensor
    slope: Tensor

    def __init__(self, views: Views, run_task: Task, l2: float = 1.0, pairs_l2: float | None = None) -> None:
        super().__init__()
        require_at_least(0, "model", l2=l2)
        cannot = [name for name, view in views.views.items() if not view.can_rank]
        if run_task == "ranking" and cannot:
            raise UsageError(f"views that do not rank items: {', '.join(cannot)}; leave them out of views.")
        if pairs_l2 is not None:
            require_at_least(0, "model", pairs_l2=pairs_l2)
            if run_task == "ranking":
                raise UsageError(
                    "model.pairs_l2 weighs products of numbers of rows, not of ranked items; set it to null."
                )
        self.views, self.run_task, self.l2, self.pairs_l2 = views, run_task, l2, pairs_l2
        n = len(views.columns)
        self.pairs = torch.triu_indices(n, n) if pairs_l2 is not None else torch.zeros(2, 0, dtype=torch.int64)
        self.register_buffer("weights", torch.zeros(n + self.pairs.shape[1], dtype=torch.float64))
        self.register_buffer("bias", torch.zeros((), dtype=torch.float64))
        if pairs_l2 is not None:
            self.register_buffer("mean", torch.zeros(n))
            self.register_buffer("slope", torch.zeros(n))

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Replace the histories that views read by those of these rows, shape [n]."""
        self.views.remember(log, rows)

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit the weights on these rows.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows, shape [n]; None for equal weights.
        offset : logit that is added in the fit only, see `cadc.sampling.sampler.Sample`; without meaning in ranking.

        Raises
        ------
        DataError : where items are ranked, if no row has label 1.
        """
        with torch.inference_mode():
            if self.run_task == "ranking":
                self.weights.copy_(ridge_softmax(contests_of(self.views, log, rows, weights), self.l2))
                return
            numbers = self.numbers(log, rows)
            l2 = torch.full((len(self.weights),), self.l2)
            if self.pairs_l2 is not None:
                mean, slope = spread(numbers)
                self.mean.copy_(mean)
                self.slope.copy_(slope)
                l2[numbers.shape[1] :] = self.pairs_l2
            found = ridge_logistic(self.columns(numbers), log.labels(rows), l2, weights, offset)
            self.weights.copy_(found.weights)
            self.bias.fill_(found.bias)

    def numbers(self, log: InteractionLog, rows: Tensor) -> Tensor:
        """Return the numbers x of some rows of a log (int32 or int64, shape [n]), float32, shape [n, K]."""
        return torch.cat([self.views(log.gather(part)) for part in rows.split(EVALUATION_BATCH)])

    def columns(self, numbers: Tensor) -> Tensor:
        """Return what is weighed of some numbers (shape [..., K]): these, and the products of their pairs; float32."""
        if self.pairs_l2 is None:
            return numbers
        z = standardised(numbers, self.mean, self.slope)
        return torch.cat([numbers, z[..., self.pairs[0]] * z[..., self.pairs[1]]], -1)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of a batch, float64, shape [B]."""
        return (self.columns(self.views(batch)).double() * self.weights).sum(1) + self.bias

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of these n items, float32, shape [b, n]."""
        numbers = self.views.item_scorer(items)
        size = max(1, N_NUMBERS // (len(items) * len(self.weights)))
        return lambda users: torch.cat(
            [self.columns(numbers(part)) @ self.weights.float() for part in users.split(size)]
        )


def spread(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of each number and 1 / its standard deviation, float64, shape [K] each.

    The slope of a number that is the same in all rows is 0, since it says nothing of other values.

    Parameters
    ----------
    numbers : shape [n, K].
    """
    wide = numbers.double()
    mean, scale = wide.mean(0), wide.std(0, correction=0)
    return mean, (1 / scale).where(scale > 1e-6 * (1 + mean.abs()), 0.0)


def standardised(numbers: Tensor, mean: Tensor, slope: Tensor) -> Tensor:
    """Return numbers (shape [..., K]) in units of their `spread`, between ±`LARGEST`, float32."""
    return ((numbers - mean) * slope).clamp(-LARGEST, LARGEST)
