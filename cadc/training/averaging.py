"""An average of the weights along training, which is what is validated, kept and served."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from cadc.adam import STEPS_BETWEEN, clear_tiny

Averaging: TypeAlias = Literal["none", "ema"]
"""`ema` is the exponential moving average of the weights after each step; `none` takes the weights as they are."""


class WeightAverage:
    """The exponential moving average of a model's trained weights (Polyak and Juditsky, 1992, with forgetting).

    After step t it is Σ_i d^(t-i) w_i / Σ_i d^(t-i) over i = 1 … t, d the decay: the initial weights do not count.
    Frozen weights and buffers are those of the model. Where gradients of a table are sparse, its rows rest between the
    steps that look them up, and the average of a row is brought up to date when that is needed: a step costs nothing
    for the other rows.

    Whatever vectors a table makes of its weights, as by rounding, it makes of averaged ones.

    Parameters
    ----------
    model : on its device.
    decay : d, in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.n_steps = decay, 0
        self._weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._averages = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._counted: dict[str, Tensor] = {}
        """For weights with sparse gradients, the number of steps that each row's average holds, int64, shape [n]."""

    @property
    def nbytes(self) -> int:
        """Size of what is kept beside the weights."""
        return sum(self.bytes_of_weights().values())

    def bytes_of_weights(self) -> dict[int, int]:
        """Return the size of what is kept beside each weight, by the weight's id."""
        return {
            id(weight): self._averages[name].nbytes + (self._counted[name].nbytes if name in self._counted else 0)
            for name, weight in self._weights.items()
        }

    @torch.no_grad()
    def before_step(self) -> None:
        """Bring the rows up to date that sparse gradients are about to change."""
        for name, weight in self._weights.items():
            if weight.grad is not None and weight.grad.is_sparse:
                if name not in self._counted:
                    self._counted[name] = torch.zeros(len(weight), dtype=torch.int64, device=weight.device)
                self._catch_up(name, weight.grad._indices()[0])

    @torch.no_grad()
    def after_step(self) -> None:
        """Count the weights after a step."""
        self.n_steps += 1
        dense = [name for name in self._weights if name not in self._counted]
        averages = [self._averages[name] for name in dense]
        share = (1 - self.decay) / (1 - self.decay**self.n_steps)
        if not dense:
            return
        torch._foreach_lerp_(averages, [self._weights[name] for name in dense], share)
        if self.n_steps % STEPS_BETWEEN == 0:
            clear_tiny(averages, ())

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averaged weights within a `with` block."""
        with torch.no_grad():
            for name in self._counted:
                self._catch_up(name, torch.arange(len(self._weights[name]), device=self._weights[name].device))
            current = {name: weight.detach().clone() for name, weight in self._weights.items()}
            self._put(self._averages if self.n_steps else {})
        try:
            yield
        finally:
            self._put(current)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"n_steps": self.n_steps, "averages": self._averages, "counted": self._counted}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint.

        Raises
        ------
        KeyError : if it is of another model.
        """
        self.n_steps = state_dict["n_steps"]
        self._averages = {name: state_dict["averages"][name].to(of.device) for name, of in self._weights.items()}
        self._counted = {name: of.to(self._weights[name].device) for name, of in state_dict["counted"].items()}

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        # In place, so that tables notice that what they keep of their weights is out of date.
        for name, value in values.items():
            self._weights[name].copy_(value)

    def _catch_up(self, name: str, rows: Tensor) -> None:
        """Count the steps in which rows of a table (int64, shape [n]) have rested."""
        if not self.n_steps:
            return
        counted, average = self._counted[name], self._averages[name]
        before = counted[rows].double()
        # The product of the shares of the average in those steps, 1 - (1 - d) / (1 - d^i) for i = before + 1 … n_steps.
        kept = self.decay ** (self.n_steps - before) * (1 - self.decay**before) / (1 - self.decay**self.n_steps)
        kept = kept.to(average.dtype).view(-1, *[1] * (average.ndim - 1))
        average.index_copy_(0, rows, torch.lerp(self._weights[name][rows], average[rows], kept))
        counted.index_fill_(0, rows, self.n_steps)
