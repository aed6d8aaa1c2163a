"""What a network reads of views: the stack's logit, which it corrects, and standardised numbers as dense inputs."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.models.stack.stack import Stack, spread, standardised
from cadc.views.views import Views


class ViewBase(nn.Module):
    """The stack of views that a network starts from, and the numbers of views in the shape that a network reads.

    Both are fitted on the sample before the first step and stay as they are: what is left to learn is in f.

    Parameters
    ----------
    views : the views.

    Attributes
    ----------
    mean, slope : mean of each number over the rows of the sample, and 1 / its standard deviation, float32, shape [K];
        the slope of a number that is the same in all of them is 0, since it says nothing of other values.
    """

    mean: Tensor
    slope: Tensor

    def __init__(self, views: Views) -> None:
        super().__init__()
        self.stack = Stack(views, "ctr")
        self.n_numbers = len(views.columns)
        self.register_buffer("mean", torch.zeros(self.n_numbers))
        self.register_buffer("slope", torch.zeros(self.n_numbers))

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit the stack, and note how its numbers are spread; see `Stack.fit_sample`."""
        self.stack.fit_sample(log, rows, weights, offset)
        with torch.inference_mode():
            mean, slope = spread(self.stack.numbers(log, rows))
            self.mean.copy_(mean)
            self.slope.copy_(slope)

    def noted(self, batch: Batch) -> Batch:
        """Return a batch that holds the numbers of its rows, so that they are computed once."""
        return batch if batch.views is not None else replace(batch, views=self.stack.views(batch))

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits of the stack, float32, shape [B]."""
        logits: Tensor = self.stack(batch)
        return logits.float()

    def dense(self, batch: Batch) -> Tensor:
        """Return the standardised numbers of rows, float32, shape [B, K], see `standardised`."""
        numbers: Tensor = self.stack.views(batch)
        return standardised(numbers, self.mean, self.slope)
