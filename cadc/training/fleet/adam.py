"""Adam over the stacked parameters of several arms, each with a learning rate and a penalty of its own."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from cadc.adam import STEPS_BETWEEN, clear_tiny


class StackedAdam:
    """Adam as `cadc.adam.Adam` computes it, for K arms that take their steps together.

    Parameters
    ----------
    weights : stacked parameters by name, shape [K, ...] each, which are updated in place.
    decayed : names of those that bear an L2 penalty.
    rates : learning rate and strength of the penalty of each arm. Neighbours with equal ones are updated in one go.
    betas : decay of the first and the second moment.
    eps : added to the root of the second moment.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        decayed: Collection[str],
        rates: Sequence[tuple[float, float]],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.weights = {name: weight.detach() for name, weight in weights.items()}
        self.decayed = frozenset(decayed)
        self.rates = list(rates)
        self.betas, self.eps = betas, eps
        self.state = {
            name: {"exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}
            for name, weight in self.weights.items()
        }
        self.n_steps = 0

    @property
    def bytes_of_arm(self) -> int:
        """Size of the state of one arm, as `Adam` would keep it."""
        moments = sum(value.nbytes for values in self.state.values() for value in values.values())
        return moments // len(self.rates) + len(self.state) * torch.zeros(()).nbytes

    @torch.no_grad()
    def step(self, gradients: Mapping[str, Tensor]) -> None:
        """Take a step of every arm.

        Parameters
        ----------
        gradients : by name, shape [K, ...] each.
        """
        self.n_steps += 1
        # The kernel reads the numbers as they lie in memory.
        gradients = {name: gradient.contiguous() for name, gradient in gradients.items()}
        for (learning_rate, decay), group in groupby(range(len(self.rates)), key=self.rates.__getitem__):
            places = list(group)
            arms = slice(places[0], places[-1] + 1)
            self._step_of(
                {name: of for name, of in gradients.items() if name in self.decayed}, arms, learning_rate, decay
            )
            self._step_of(
                {name: of for name, of in gradients.items() if name not in self.decayed}, arms, learning_rate, 0.0
            )
        if self.n_steps % STEPS_BETWEEN == 0:
            clear_tiny(self.weights.values(), self.state.values())

    def _step_of(self, gradients: Mapping[str, Tensor], arms: slice, learning_rate: float, decay: float) -> None:
        if not gradients:
            return
        torch._fused_adam_(
            [self.weights[name][arms] for name in gradients],
            [gradient[arms] for gradient in gradients.values()],
            [self.state[name]["exp_avg"][arms] for name in gradients],
            [self.state[name]["exp_avg_sq"][arms] for name in gradients],
            [],
            [torch.full((), float(self.n_steps), device=gradient.device) for gradient in gradients.values()],
            amsgrad=False,
            lr=learning_rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=decay,
            eps=self.eps,
            maximize=False,
        )

    def keep(self, arms: Tensor, weights: Mapping[str, Tensor]) -> None:
        """Go on with some of the arms.

        Parameters
        ----------
        arms : their places, int64, shape [k].
        weights : their stacked parameters.
        """
        self.weights = {name: weight.detach() for name, weight in weights.items()}
        self.rates = [self.rates[arm] for arm in arms.tolist()]
        self.state = {
            name: {key: value.index_select(0, arms.to(value.device)) for key, value in moments.items()}
            for name, moments in self.state.items()
        }
