"""Sizes by frequency."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.errors import require_at_least, require_positive
from cadc.streams.policy import Judged, Policy, Sizes, StreamState


class Frequency(Policy):
    """A row that has occurred c times is about λ·c^α long.

    With a half-life h, an occurrence counts 2^(-a/h) after a segments: rows of ids that are not met for long shrink,
    and what they give up goes to others.

    Parameters
    ----------
    alpha : α, not negative.
    half_life : segments after which an occurrence counts half, above 0; None forgets nothing.
    """

    def __init__(self, alpha: float = 0.5, half_life: float | None = None) -> None:
        require_at_least(0, "policy", alpha=alpha)
        if half_life is not None:
            require_positive("policy", half_life=half_life)
        self.alpha, self.half_life = alpha, half_life
        # Of the segment that was learnt last: its number, counts up to it, and what each occurrence counted then.
        self._segment = 0
        self._before: dict[EntitySide, Tensor] = {}
        self._faded: dict[EntitySide, Tensor] = {}

    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""
        return state.sizes_by({side: own**self.alpha for side, own in self._counts(state).items()})

    def learn(self, state: StreamState, sizes: Sizes, judged: Judged) -> None:
        """Keep how much the occurrences so far count."""
        if self.half_life is not None:
            self._faded = self._counts(state)
            self._before, self._segment = {side: own.clone() for side, own in state.counts.items()}, state.segment

    def _counts(self, state: StreamState) -> dict[EntitySide, Tensor]:
        """Return by side how often each id has occurred, each time as much as it counts now, float64, shape [n + 1]."""
        found = {side: counts.double() for side, counts in state.counts.items()}
        if self.half_life is None:
            return found
        kept = 0.5 ** ((state.segment - self._segment) / self.half_life)
        for side, before in self._before.items():
            found[side][: len(before)] += kept * self._faded[side] - before
        return found

    def state(self) -> dict[str, Tensor]:
        """Return the counts, as tensors."""
        if not self._before:
            return {}
        kept = {f"before/{side}": own for side, own in self._before.items()}
        kept |= {f"faded/{side}": own for side, own in self._faded.items()}
        return kept | {"segment": torch.tensor(self._segment)}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state` returned."""
        if state:
            self._before, self._faded = (
                {side: state[f"{name}/{side}"] for side in ENTITY_FIELDS} for name in ("before", "faded")
            )
            self._segment = int(state["segment"])
