"""Dropout of the rows of a batch that several ranks share: the masks are those of the whole batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from cadc.distributed.portion import Portion


class RowDropout:
    """Takes the place of the dropout of a model: every rank draws for all rows of a batch, and takes those of its own.

    So the generators of all ranks stay the same, and a row is dropped out as it would be in one process.

    Parameters
    ----------
    model : whose `nn.Dropout` layers have a row of the batch in each row of their inputs.
    """

    def __init__(self, model: nn.Module) -> None:
        self.layers = dropout_layers(model)

    @contextmanager
    def sharing(self, portion: Portion) -> Iterator[None]:
        """Share a batch inside a `with` block, of which this rank has a portion."""
        for layer in self.layers:
            layer.forward = partial(_of_portion, layer, portion)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.forward


def dropout_layers(model: nn.Module) -> list[nn.Dropout]:
    """Return the layers of a model that drop anything."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Dropout) and layer.p > 0]


def _of_portion(layer: nn.Dropout, portion: Portion, inputs: Tensor) -> Tensor:
    if not layer.training:
        return inputs
    # As `dropout` of the whole batch draws it: ones and zeros, scaled up.
    mask = dropout(torch.ones(portion.of, *inputs.shape[1:], dtype=inputs.dtype, device=inputs.device), layer.p)
    # A rank without a row of its own computes with the first one.
    first = portion.first if portion.n else 0
    return inputs * mask[first : first + len(inputs)]
