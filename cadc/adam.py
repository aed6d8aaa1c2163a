"""Adam whose weights and moments never become denormal numbers, on which some processors compute 30 times slower."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cadc.errors import UsageError

SMALLEST_WEIGHT = 1e-12
"""Absolute value below which a weight is set to 0: products of two such weights are normal numbers in float32."""
SMALLEST_MOMENT = 1e-25
"""Absolute value below which a moment is set to 0: beside `eps` it changes a weight by less than 1e-16."""
STEPS_BETWEEN = 64
"""Steps from one search for tiny values to the next, in which a value falls to 0.9^64, a thousandth, at most."""


class Adam:
    """Adam (Kingma and Ba, ICLR 2015) with L2 penalties, a fused kernel for each group of weights.

    It takes the same steps as `torch.optim.Adam(fused=True)`, whose first use imports a compiler for more than a
    second. Every 64 steps tiny values become 0: a unit that is never active has no gradient but its penalty, and
    shrinks forever, as does the first moment of a row that no batch looks up, by a tenth at each step.

    Parameters
    ----------
    groups : `params`, a list of weights, and their `weight_decay`, which is 0 where it is missing.
    lr : learning rate.
    betas : decay of the first and the second moment.
    eps : added to the root of the second moment.
    decoupled : whether the penalty shrinks weights beside the gradients, as in AdamW (ICLR 2019), and not in them.

    Attributes
    ----------
    param_groups : the groups.
    state : `step`, `exp_avg` and `exp_avg_sq` by weight, as those of torch's Adam.
    """

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        decoupled: bool = False,
    ) -> None:
        self.param_groups = list(groups)
        self.lr, self.betas, self.eps, self.decoupled = lr, betas, eps, decoupled
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self.n_steps = 0

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for weight in self._weights():
            weight.grad = None

    def set_rate(self, learning_rate: float) -> None:
        """Take the next steps with another learning rate."""
        self.lr = learning_rate

    @torch.no_grad()
    def step(self) -> None:
        """Take a step with the weights that have a gradient.

        Raises
        ------
        UsageError : if a gradient is sparse.
        """
        update = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            if any(weight.grad.is_sparse for weight in weights):
                raise UsageError(
                    "a model has a sparse gradient, as of an nn.Embedding(sparse=True); expected dense ones. Build it "
                    "without sparse=True, or set trainer.lazy_tables=true, whose steps take both."
                )
            states = [self.state.get(weight) or self._begin(weight) for weight in weights]
            steps = [state["step"] for state in states]
            torch._foreach_add_(steps, 1)
            update(
                weights,
                [weight.grad for weight in weights],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                amsgrad=False,
                lr=self.lr,
                beta1=self.betas[0],
                beta2=self.betas[1],
                weight_decay=group.get("weight_decay", 0.0),
                eps=self.eps,
                maximize=False,
            )
        self.n_steps += 1
        if self.n_steps % STEPS_BETWEEN == 0:
            clear_tiny(self._weights(), self.state.values())

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps, and the state of each weight in the order of the groups."""
        return {"n_steps": self.n_steps, "weights": [dict(self.state.get(weight, {})) for weight in self._weights()]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        ValueError : if it is of other weights.
        """
        weights, states = self._weights(), state_dict["weights"]
        self.n_steps = state_dict["n_steps"]
        for weight, saved in zip(weights, states, strict=True):
            if saved:
                if saved["exp_avg"].shape != weight.shape:
                    raise ValueError("the optimiser's state is of other weights")
                self.state[weight] = {name: value.to(weight.device) for name, value in saved.items()}

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"]]

    def _begin(self, weight: Tensor) -> dict[str, Tensor]:
        self.state[weight] = {
            "step": torch.zeros((), device=weight.device),
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": torch.zeros_like(weight),
        }
        return self.state[weight]


@torch.no_grad()
def clear_tiny(weights: Iterable[Tensor], states: Iterable[Mapping[str, Any]]) -> None:
    """Set weights and moments that are as good as 0 to 0, in place.

    Parameters
    ----------
    weights : of any shapes, of a floating type.
    states : of an optimiser of Adam's kind, with `exp_avg` and `exp_avg_sq` or without.
    """
    for weight in weights:
        weight.masked_fill_(weight.abs() < SMALLEST_WEIGHT, 0.0)
    for state in states:
        for name in ("exp_avg", "exp_avg_sq"):
            if name in state:
                state[name].masked_fill_(state[name].abs() < SMALLEST_MOMENT, 0.0)
