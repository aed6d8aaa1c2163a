"""Adam that leaves alone the table rows that a batch does not look up."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from cadc.adam import STEPS_BETWEEN, clear_tiny
from cadc.embeddings.coding.rows import summed_by_row


class LazyAdam(torch.optim.Adam):
    """Adam (Kingma and Ba, ICLR 2015) whose steps change only the rows of a table that have a gradient.

    This applies to parameters with sparse gradients; all others are updated as by Adam. The time of a step then grows
    with the rows of a batch instead of the rows of the tables.

    The rows have no momentum, beta_1 = 0, so that a row without a gradient rests, and the steps are exactly those of
    Adam with beta_1 = 0 on the whole table: `exp_avg_sq` shrinks by beta_2 for each step that a row rested, once it is
    looked up again. With momentum, Adam moves a row by a tenth of its gradient when it is looked up, and by the rest of
    it in the steps that follow, although no batch holds the row; here it moves by all of it at once. Lazy variants that
    keep the momentum and let it rest move rare rows by that tenth alone. Weight decay, too, applies only to rows that
    are looked up. No weight decays into denormal numbers, see `cadc.adam.Adam`.
    """

    def set_rate(self, learning_rate: float) -> None:
        """Take the next steps with another learning rate."""
        for group in self.param_groups:
            group["lr"] = learning_rate

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
            state["exp_avg_sq"] = torch.zeros_like(weight)
            # Whole numbers up to 2^24 as float32, which torch makes of all state that it loads.
            state["last_step"] = weight.new_zeros(len(weight))
        state["step"] += 1
        step, beta2 = float(state["step"]), group["betas"][1]
        rows, slope = gradient._indices()[0], gradient._values()
        if not gradient.is_coalesced():  # the table was looked up several times
            rows, slope = summed_by_row(rows.int(), slope)
        own = weight.index_select(0, rows)
        if group["weight_decay"] and group["decoupled_weight_decay"]:
            own = own * (1 - group["lr"] * group["weight_decay"])
        elif group["weight_decay"]:
            slope = slope.add(own, alpha=group["weight_decay"])
        rested = step - state["last_step"].index_select(0, rows)
        square = state["exp_avg_sq"].index_select(0, rows).mul_((beta2**rested).unsqueeze(1))
        square.addcmul_(slope, slope, value=1 - beta2)
        scale = (square / (1 - beta2**step)).sqrt_().add_(group["eps"])
        rows = rows.long()
        weight.index_copy_(0, rows, own.addcdiv_(slope, scale, value=-group["lr"]))
        state["exp_avg_sq"].index_copy_(0, rows, square)
        state["last_step"].index_fill_(0, rows, step)
