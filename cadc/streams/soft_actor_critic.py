"""Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905) for actions between 0 and 1; generators are passed in."""

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from cadc.streams.networks import network

LOG_STD = (-5.0, 2.0)
"""Bounds of the logarithm of a Gaussian's standard deviation."""


class Transitions(NamedTuple):
    """Steps of an environment without an end: states [n, s], actions [n, a], rewards [n] and next states [n, s]."""

    states: Tensor
    actions: Tensor
    rewards: Tensor
    after: Tensor


class SoftActorCritic:
    """An actor, twin critics and slowly following targets.

    The actor draws u from a Gaussian, and its action is σ(2u) = (tanh(u) + 1) / 2. Critics learn
    r + γ·(min Q'(s', a') - κ·log π(a' | s')) with a' drawn anew; the actor makes κ·log π(a | s) - min Q(s, a) small.
    Densities are those of tanh(u), as of actions from -1 to 1.

    Parameters
    ----------
    n_state, n_actions : numbers of a state and of an action.
    generator : draws the initial weights.
    hidden : widths of all networks.
    actor_rate, critic_rate : learning rates of Adam.
    entropy : κ, weight of the entropy.
    discount : γ.
    follow : τ, share of the critics that their targets take over after each update.
    """

    def __init__(
        self,
        n_state: int,
        n_actions: int,
        generator: torch.Generator,
        hidden: Sequence[int] = (512, 512),
        actor_rate: float = 2e-4,
        critic_rate: float = 3e-4,
        entropy: float = 0.2,
        discount: float = 0.99,
        follow: float = 0.005,
    ) -> None:
        self.entropy, self.discount, self.follow = entropy, discount, follow
        self.actor = network((n_state, *hidden, 2 * n_actions), generator)
        self.critics = nn.ModuleList([network((n_state + n_actions, *hidden, 1), generator) for _ in range(2)])
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), actor_rate)
        self.critic_optimizer = torch.optim.Adam(self.critics.parameters(), critic_rate)

    def drawn(self, states: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return actions drawn for states, shape [n, a], and the logarithms of their densities, shape [n]."""
        mean, log_std = self.actor(states).chunk(2, -1)
        log_std = log_std.clamp(*LOG_STD)
        noise = torch.randn(mean.shape, generator=generator)
        raw = mean + log_std.exp() * noise
        log_density = -0.5 * noise.square() - log_std - 0.5 * torch.log(torch.tensor(2 * torch.pi))
        # The logarithm of the derivative of tanh, which does not vanish in float32.
        log_density = log_density - 2 * (torch.log(torch.tensor(2.0)) - raw - softplus(-2 * raw))
        return (raw.tanh() + 1) / 2, log_density.sum(-1)

    @torch.no_grad()
    def mean(self, states: Tensor) -> Tensor:
        """Return the actions of the means of the Gaussians, shape [n, a]."""
        return (self.actor(states).chunk(2, -1)[0].tanh() + 1) / 2

    def critic_loss(self, seen: Transitions, generator: torch.Generator) -> Tensor:
        """Return the squared errors of both critics, added, shape []."""
        with torch.no_grad():
            actions, log_density = self.drawn(seen.after, generator)
            value = _least(self.targets, seen.after, actions) - self.entropy * log_density
            target = seen.rewards + self.discount * value
        inputs = torch.cat([seen.states, seen.actions], -1)
        return sum((mse_loss(critic(inputs).squeeze(-1), target) for critic in self.critics), torch.zeros(()))

    def actor_loss(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """Return what the actor makes small, shape []."""
        actions, log_density = self.drawn(states, generator)
        return (self.entropy * log_density - _least(self.critics, states, actions)).mean()

    def learn(self, seen: Transitions, generator: torch.Generator) -> None:
        """Take one step of the critics and one of the actor, and let the targets follow."""
        _step(self.critic_optimizer, self.critic_loss(seen, generator))
        _step(self.actor_optimizer, self.actor_loss(seen.states, generator))
        with torch.no_grad():
            for target, own in zip(self.targets.parameters(), self.critics.parameters(), strict=True):
                target.lerp_(own, self.follow)

    def state(self) -> dict[str, Tensor]:
        """Return weights and the optimisers' state."""
        found: dict[str, Tensor] = {}
        for name, part in self._networks():
            found |= {f"{name}/{key}": value.clone() for key, value in part.state_dict().items()}
        for name, optimizer in self._optimizers():
            for place, values in optimizer.state_dict()["state"].items():
                found |= {f"{name}/{place}/{key}": value.clone() for key, value in values.items()}
        return found

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state` returned."""
        for name, part in self._networks():
            part.load_state_dict({key: state[f"{name}/{key}"] for key in part.state_dict()})
        for name, optimizer in self._optimizers():
            own: dict[int, dict[str, Tensor]] = {}
            for key, value in state.items():
                if key.startswith(f"{name}/"):
                    _, place, kind = key.split("/")
                    own.setdefault(int(place), {})[kind] = value
            optimizer.load_state_dict(optimizer.state_dict() | {"state": own})

    def _networks(self) -> tuple[tuple[str, nn.Module], ...]:
        return ("actor", self.actor), ("critics", self.critics), ("targets", self.targets)

    def _optimizers(self) -> tuple[tuple[str, torch.optim.Adam], ...]:
        return ("actor_optimizer", self.actor_optimizer), ("critic_optimizer", self.critic_optimizer)


def _least(critics: nn.ModuleList, states: Tensor, actions: Tensor) -> Tensor:
    """Return the smaller of what two critics say, shape [n]."""
    inputs = torch.cat([states, actions], -1)
    return torch.minimum(*(critic(inputs).squeeze(-1) for critic in critics))


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take a step down a loss, with gradients of the optimiser's own weights alone."""
    own = optimizer.param_groups[0]["params"]
    for weight, gradient in zip(own, torch.autograd.grad(loss, own), strict=True):
        weight.grad = gradient
    optimizer.step()
