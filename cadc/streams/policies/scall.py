"""SCALL: sizes of a stream by soft actor-critic (Qu et al. 2024, arXiv 2407.15411)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from cadc.data.schema import EntitySide
from cadc.errors import require_at_least, require_positive
from cadc.streams.action_search import N_NUMBERS, ActionSearch
from cadc.streams.policy import Sizes, StreamState
from cadc.streams.soft_actor_critic import SoftActorCritic, Transitions


class Scall(ActionSearch):
    """An actor proposes actions for a state of fixed length, and learns from what each brings on validation.

    The state has, of each side, frequencies that are sorted, scaled to 0 … 1 and averaged over equally many groups, and
    the mean vector of the known rows; the share of users among all rows; the reward of the last action, and the spread
    of the sizes that it gave to each side. The reward is by what share of it the value of an action exceeds that of
    equal sizes, times `reward_scale`. The last action of a segment is the mean of the actor's. All actions of the
    stream are replayed.

    Parameters
    ----------
    evaluations, steps : see `ActionSearch`.
    groups : of the frequencies of a side, at least 1.
    width : of the two hidden layers of each network, at least 1.
    updates : of the networks after each action, not negative.
    batch_size : actions that an update learns from, at least 1.
    entropy : weight of the entropy, not negative.
    discount : of later rewards, not negative.
    reward_scale : above 0.
    """

    def __init__(
        self,
        evaluations: int = 12,
        steps: int = 100,
        groups: int = 256,
        width: int = 512,
        updates: int = 3,
        batch_size: int = 64,
        entropy: float = 0.2,
        discount: float = 0.99,
        reward_scale: float = 1.0,
    ) -> None:
        super().__init__(evaluations, steps)
        require_at_least(1, "policy", groups=groups, width=width, batch_size=batch_size)
        require_at_least(0, "policy", updates=updates, entropy=entropy, discount=discount)
        require_positive("policy", reward_scale=reward_scale)
        self.groups, self.width, self.updates, self.batch_size = groups, width, updates, batch_size
        self.entropy, self.discount, self.reward_scale = entropy, discount, reward_scale
        self._agent: SoftActorCritic | None = None
        self._seen: list[Tensor] = []
        """Parts of `Transitions`, of all actions so far."""
        self._reward = 0.0
        self._saved: Mapping[str, Tensor] = {}

    def begin(self, state: StreamState, sizes: Sizes) -> None:
        """Begin a segment, of which equal sizes were tried."""
        sides = state.counts
        groups = [_grouped(own[1:], self.groups) for own in sides.values()]
        means = [state.vectors(side).sum(0) / max(1, _n_known(state, side)) for side in sides]
        n_users, n_items = (len(own) for own in sides.values())
        self._fixed = torch.cat([*groups, *means, torch.tensor([n_users / (n_users + n_items)])])
        self._most = state.most
        self._generator = state.generator
        self._now = self._observed(sizes)
        if self._agent is None:
            self._agent = SoftActorCritic(
                len(self._now),
                N_NUMBERS,
                # Resumed weights take nothing from the generator that a stream without a stop would not.
                torch.Generator() if self._saved else state.generator,
                hidden=(self.width, self.width),
                entropy=self.entropy,
                discount=self.discount,
            )
            if self._saved:
                self._agent.resume(self._saved)

    def propose(self, number: int, state: StreamState) -> Tensor:
        """Return an action that the actor draws; the last one is its mean."""
        assert self._agent is not None
        if number == self.evaluations - 1:
            return self._agent.mean(self._now)
        with torch.no_grad():
            return self._agent.drawn(self._now, state.generator)[0]

    def note(self, action: Tensor, sizes: Sizes, gain: float) -> None:
        """Learn from what an action brought."""
        assert self._agent is not None
        self._reward = self.reward_scale * gain
        before, self._now = self._now, self._observed(sizes)
        own = [part.unsqueeze(0) for part in (before, action, torch.tensor(self._reward), self._now)]
        self._seen = [torch.cat(pair) for pair in zip(self._seen, own, strict=True)] if self._seen else own
        n = len(self._seen[0])
        for _ in range(self.updates):
            rows = torch.randint(n, (min(n, self.batch_size),), generator=self._generator)
            self._agent.learn(Transitions(*(part[rows] for part in self._seen)), self._generator)

    def _observed(self, sizes: Sizes) -> Tensor:
        """Return the state after an action that gave these sizes."""
        spreads = [own.double().std(correction=0).item() / self._most for own in sizes.values()]
        return torch.cat([self._fixed, torch.tensor([self._reward, *spreads])])

    def state(self) -> dict[str, Tensor]:
        """Return the networks, and all actions so far."""
        if self._agent is None:
            return {**super().state(), **self._saved}
        seen = {f"seen/{place}": part for place, part in enumerate(self._seen)}
        return {**super().state(), **seen, "reward": torch.tensor(self._reward), **self._agent.state()}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state` returned."""
        super().resume(state)
        self._agent, self._saved = None, state
        self._seen = [state[f"seen/{place}"] for place in range(len(Transitions._fields)) if f"seen/{place}" in state]
        self._reward = float(state.get("reward", 0.0))


def _grouped(counts: Tensor, n_groups: int) -> Tensor:
    """Return means of equally many sorted counts, scaled to 0 … 1, float32, shape [n_groups]."""
    ordered = counts.double().sort(descending=True).values
    low, high = ordered[-1], ordered[0]
    scaled = (ordered - low) / (high - low).clamp(min=1)
    return adaptive_avg_pool1d(scaled.unsqueeze(0), n_groups).squeeze(0).float()


def _n_known(state: StreamState, side: EntitySide) -> int:
    """Return how many rows of a side the model before had."""
    return 0 if state.before is None else len(state.before[side])
