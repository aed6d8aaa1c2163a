"""DESS: sizes that grow where a bandit expects a gain (He et al. 2023, arXiv 2308.07760), within a budget."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.errors import require_at_least, require_positive
from cadc.streams.bandits import DiscountedLinearBandit
from cadc.streams.diversity import diversity
from cadc.streams.doubling import doubled, shrunk
from cadc.streams.growth import grown_by_map
from cadc.streams.policy import Judged, Policy, Sizes, StreamState

ARMS = ("keep", "grow")
N_FEATURES = 4


class Dess(Policy):
    """Every row starts small and doubles when its turn comes; a bandit of each side says whose turn it is.

    The context of a row is 1, the diversity of what it meets in this segment, the logarithm of its frequency, and its
    size. Two arms, to keep its size or to grow, have an estimate each, which forgets earlier segments
    (`DiscountedLinearBandit`). Rows grow in the order of what growing is expected to bring more than keeping, the more
    frequent first among equals; those of which it is more than nothing come first, and the others follow as long as the
    budget lasts. The reward of a row's arm is 1 if its mean loss on validation is below its recent mean, or that of its
    side if it has none, else 0. Where new rows leave no room, rows that were not met lately, and rarely before, are cut
    down.

    Parameters
    ----------
    start : numbers of a new row, at least 1; fewer where the budget does not hold them.
    discount : share of its weight that a segment keeps in each later one, in (0, 1].
    ridge : of the estimates, above 0.
    width : of the confidence bound, or of the draws, not negative.
    thompson : draw the estimates (discounted Thompson sampling) in place of their upper confidence bounds (D-LinUCB).
    maps : predict the new numbers of a row from its old ones, see `grown_by_map`; false leaves them to the initializer.
    map_ridge : of that prediction, above 0.
    """

    def __init__(
        self,
        start: int = 2,
        discount: float = 0.9,
        ridge: float = 1.0,
        width: float = 1.0,
        thompson: bool = False,
        maps: bool = True,
        map_ridge: float = 10.0,
    ) -> None:
        require_at_least(1, "policy", start=start)
        require_positive("policy", map_ridge=map_ridge)
        self.first, self.thompson, self.maps, self.map_ridge = start, thompson, maps, map_ridge
        self.discount = discount
        self.bandits = {
            (side, arm): DiscountedLinearBandit(N_FEATURES, discount, ridge, width)
            for side in ENTITY_FIELDS
            for arm in ARMS
        }
        self.losses: dict[EntitySide, Tensor] = {}
        """By side, the sum of recent losses of each id and their number, float64, shape [2, n + 1]."""

    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""
        base = self._base(state)
        gain = torch.cat([self._gain(side, own, state) for side, own in self._contexts(state, base).items()])
        sizes = torch.cat(list(base.values()))
        by_count = torch.cat(list(state.counts.values())).argsort(descending=True, stable=True)
        order = by_count[gain[by_count].argsort(descending=True, stable=True)]
        sizes = doubled(sizes, state.total, state.most, order, int((gain > 0).sum()))
        return dict(zip(base, sizes.split([len(own) for own in base.values()]), strict=True))

    def _base(self, state: StreamState) -> Sizes:
        """Return the sizes before rows grow: those that they had, or what new ones start with."""
        found = {}
        for side, counts in state.counts.items():
            found[side] = torch.full_like(counts, min(self.first, state.most))
            if state.before is not None:
                found[side][: len(state.before[side])] = state.before[side]
        recent, counts = (torch.cat(list(own.values())) for own in (state.recent, state.counts))
        sizes = torch.cat(list(found.values()))
        if int(sizes.sum()) > state.total:
            by_count = counts.argsort(stable=True)
            sizes = shrunk(sizes, state.total, by_count[(recent[by_count] > 0).int().argsort(stable=True)])
        return dict(zip(found, sizes.split([len(own) for own in found.values()]), strict=True))

    def _contexts(self, state: StreamState, base: Sizes) -> dict[EntitySide, Tensor]:
        """Return the contexts of the rows of each side, float64, shape [n + 1, 4]."""
        of_side, found = dict(zip(ENTITY_FIELDS, state.pairs, strict=True)), {}
        for side, other in zip(ENTITY_FIELDS, reversed(ENTITY_FIELDS), strict=True):
            counts, size = state.counts[side], base[side]
            apart = diversity(of_side[side], of_side[other], state.vectors(other), len(counts))
            often = counts.double().log1p()
            columns = (
                torch.ones(len(counts)),
                apart / apart[apart > 0].mean().nan_to_num(1.0),
                often / often.max(),
                size / state.most,
            )
            found[side] = torch.stack([own.double() for own in columns], 1)
        return found

    def _gain(self, side: EntitySide, contexts: Tensor, state: StreamState) -> Tensor:
        """Return what growing is expected to bring more than keeping, float64, shape [n]."""
        keep, grow = (
            bandit.drawn(contexts, state.generator) if self.thompson else bandit.upper(contexts)
            for bandit in (self.bandits[side, arm] for arm in ARMS)
        )
        return grow - keep

    def learn(self, state: StreamState, sizes: Sizes, judged: Judged) -> None:
        """Learn from the losses of validation rows whether rows did well to grow."""
        losses, base = judged.losses(), self._base(state)
        contexts = self._contexts(state, base)
        for side, ids in zip(ENTITY_FIELDS, (losses.users, losses.items), strict=True):
            n = len(state.counts[side])
            count = torch.bincount(ids, minlength=n)
            mean = torch.zeros(n, dtype=torch.float64).index_add(0, ids, losses.values) / count.clamp(min=1)
            known = (count > 0) & (torch.arange(n) > 0)  # nothing is learnt of *unknown*
            seen, before = torch.stack([count * mean, count.double()]), self.losses.get(side)
            usual = torch.full_like(mean, float(_means(seen[:, known].sum(1))))
            if before is not None:
                has_own = before[1] > 0
                usual[: len(has_own)][has_own] = _means(before)[has_own]
                seen[:, : len(has_own)] += self.discount * before
            self.losses[side] = seen
            reward = (mean < usual).double()
            for arm, chosen in zip(ARMS, (sizes[side] <= base[side], sizes[side] > base[side]), strict=True):
                self.bandits[side, arm].learn(contexts[side][known & chosen], reward[known & chosen])

    def grown(self, vectors: Tensor, before: Tensor, now: Tensor) -> Tensor | None:
        """Return what rows that grow start from."""
        return grown_by_map(vectors, before, now, self.map_ridge) if self.maps else None

    def state(self) -> dict[str, Tensor]:
        """Return what the bandits have learnt, and recent losses."""
        found = {f"losses/{side}": own for side, own in self.losses.items()}
        for (side, arm), bandit in self.bandits.items():
            found |= {f"{side}/{arm}/{name}": value for name, value in bandit.state().items()}
        return found

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state` returned."""
        for (side, arm), bandit in self.bandits.items():
            bandit.resume({name: state[f"{side}/{arm}/{name}"] for name in bandit.state()})
            if f"losses/{side}" in state:
                self.losses[side] = state[f"losses/{side}"]


def _means(sums: Tensor) -> Tensor:
    """Return means, shape [...], of sums and how many there are, shape [2, ...]."""
    return sums[0] / sums[1].clamp(min=1e-12)
