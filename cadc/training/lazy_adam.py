"""Adam that skips the table rows that a batch does not look up."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class LazyAdam(torch.optim.Adam):
    """Adam (Kingma and Ba, ICLR 2015) that updates a row's weights and moments only in steps with a gradient for it.

    This applies to parameters with sparse gradients; all others are updated as by Adam. The time of a step then grows
    with the rows of a batch instead of the rows of the tables. Weight decay applies in the same steps only, so that it
    does not wipe out rare rows in between. Bias correction counts all steps.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; `closure`, if given, computes the loss and its gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        sparse = []
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None and weight.grad.is_sparse:
                    sparse.append((weight, weight.grad))
                    self._step_of_rows(weight, weight.grad.coalesce(), group)
                    weight.grad = None  # so that Adam skips it
        super().step()
        for weight, gradient in sparse:
            weight.grad = gradient
        return loss

    def _step_of_rows(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        step, (beta1, beta2) = float(state["step"]), group["betas"]
        rows = gradient.indices()[0]
        own = weight.index_select(0, rows)
        slope = gradient.values() + group["weight_decay"] * own
        first = state["exp_avg"].index_select(0, rows).lerp_(slope, 1 - beta1)
        second = state["exp_avg_sq"].index_select(0, rows).mul_(beta2).addcmul_(slope, slope, value=1 - beta2)
        state["exp_avg"].index_copy_(0, rows, first)
        state["exp_avg_sq"].index_copy_(0, rows, second)
        scale = (second / (1 - beta2**step)).sqrt_().add_(group["eps"])
        weight.index_copy_(0, rows, own.addcdiv_(first, scale, value=-group["lr"] / (1 - beta1**step)))
