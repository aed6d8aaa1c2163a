"""Adam that skips the table rows that a batch does not look up."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from cadc.embeddings.coding.rows import summed_by_row
from cadc.factorization.solvers.adam import STEPS_BETWEEN, clear_tiny


class LazyAdam(torch.optim.Adam):
    """Adam (Kingma and Ba, ICLR 2015) that updates a row's weights and moments only in steps with a gradient for it.

    This applies to parameters with sparse gradients; all others are updated as by Adam. The time of a step then grows
    with the rows of a batch instead of the rows of the tables. Weight decay applies in the same steps only, so that it
    does not wipe out rare rows in between. Bias correction counts all steps. No weight decays into denormal numbers,
    see `cadc.factorization.solvers.adam.Adam`.
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
                    self._step_of_rows(weight, weight.grad, group)
                    weight.grad = None  # so that Adam skips it
        super().step()
        for weight, gradient in sparse:
            weight.grad = gradient
        self._clear_tiny()
        return loss

    def _clear_tiny(self) -> None:
        """Set tiny weights and moments to 0 now and then, but for rows, which no step without a gradient shrinks."""
        counts = self.param_groups[0]  # which a checkpoint holds
        counts["n_steps"] = counts.get("n_steps", 0) + 1
        if counts["n_steps"] % STEPS_BETWEEN == 0:
            weights = [weight for group in self.param_groups for weight in group["params"] if weight in self.state]
            dense = [weight for weight in weights if "exp_avg" in self.state[weight]]
            clear_tiny(dense, [self.state[weight] for weight in dense])

    def _step_of_rows(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """Update the rows [n, d] that a gradient holds, where a row that occurs several times is summed."""
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            # Both moments of a row lie side by side, so that each row is fetched once.
            state["moments"] = weight.new_zeros(len(weight), 2, weight.shape[1])
        state["step"] += 1
        step, (beta1, beta2) = float(state["step"]), group["betas"]
        rows, slope = summed_by_row(gradient._indices()[0].int(), gradient._values())
        own, moments = weight.index_select(0, rows), state["moments"].index_select(0, rows)
        if group["weight_decay"]:
            slope.add_(own, alpha=group["weight_decay"])
        first = moments[:, 0].lerp_(slope, 1 - beta1)
        second = moments[:, 1].mul_(beta2).addcmul_(slope, slope, value=1 - beta2)
        scale = (second / (1 - beta2**step)).sqrt_().add_(group["eps"])
        rows = rows.long()
        state["moments"].index_copy_(0, rows, moments)
        weight.index_copy_(0, rows, own.addcdiv_(first, scale, value=-group["lr"] / (1 - beta1**step)))
