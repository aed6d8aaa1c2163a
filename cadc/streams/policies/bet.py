"""BET: a search for the sizes of one budget (Qu et al. 2024, arXiv 2310.14884), made anew for each segment."""

import torch
from torch import Tensor

from cadc.errors import UsageError, require_at_least
from cadc.streams.action_search import ActionSearch
from cadc.streams.policy import Sizes, StreamState
from cadc.streams.power_law import by_rank, sizes_by_rank
from cadc.streams.set_predictor import SetPredictor
from cadc.streams.size_families import FAMILIES, quantiles

N_NUMBERS = 5
"""Numbers of a candidate: the users' share of the budget, and of each side a family and its parameter."""
KINDS = ("predicted", "predicted", "predicted", "nearest", "any")
"""How sizes are chosen among candidates, in turn: the best predicted, the nearest to the best so far, or any."""
N_POINTS = 64
"""Rows of a side, equally many ranks apart, whose sizes stand for all of them when candidates are compared."""
LONG = 2
"""Times `steps` that a finalist is trained, and so many evaluations that it counts for."""


class Bet(ActionSearch):
    """Draws candidates from families of sizes, and tries the one that a predictor expects most of.

    Each candidate has of each side a family, such as a power law, and a parameter of it, and splits the budget. Of five
    sizes three are the best predicted among `candidates`, one is the candidate nearest to the best so far, and one any.
    The predictor learns after each. In the end the best `finalists` train for twice the steps, and the best of them is
    taken. Each segment is searched anew, as BET searches one log; nothing is learnt from segment to segment.

    Parameters
    ----------
    evaluations, steps : see `ActionSearch`; each finalist counts for two.
    candidates : that are drawn before each choice, at least 1.
    finalists : that are trained longer, at least 1.

    Raises
    ------
    UsageError : for fewer evaluations than equal sizes, one candidate and the finalists take.
    """

    def __init__(self, evaluations: int = 12, steps: int = 100, candidates: int = 100, finalists: int = 3) -> None:
        require_at_least(1, "policy", candidates=candidates, finalists=finalists)
        if (n_tried := evaluations - LONG * finalists) < 2:
            raise UsageError(
                f"policy.evaluations is {evaluations}; {finalists} finalists count for {LONG} each, beside equal sizes "
                f"and a candidate, so it must be at least {2 + LONG * finalists}."
            )
        super().__init__(n_tried, steps)
        self.candidates, self.finalists = candidates, finalists

    def sizes(self, state: StreamState) -> Sizes:
        """Return the sizes of a segment."""
        self.best = None
        super().sizes(state)
        order = sorted(range(len(self._values)), key=lambda place: -self._values[place])
        tried = [self._sizes[place] for place in order[: self.finalists]]
        values = [state.value_of(sizes, LONG * self.steps) for sizes in tried]
        return tried[values.index(max(values))]

    def sizes_of(self, state: StreamState, action: Tensor) -> Sizes:
        """Return the sizes of a candidate."""
        weights = {
            side: _weights(action, place, by_rank(state.counts[side], 1.0)) for place, side in enumerate(state.counts)
        }
        return sizes_by_rank(state, float(action[0]), weights)

    def begin(self, state: StreamState, sizes: Sizes) -> None:
        """Begin a search, in which equal sizes were tried."""
        self._predictor = SetPredictor(state.generator)
        self._most, self._rows = state.most, {}
        for side, counts in state.counts.items():
            ranks = ((torch.arange(N_POINTS) + 0.5) / N_POINTS * len(counts)).long()
            self._rows[side] = counts.argsort(descending=True, stable=True)[ranks]
        self._sizes, self._values, self._points = [sizes], [0.0], [self._at_points(sizes)]

    def propose(self, number: int, state: StreamState) -> Tensor:
        """Return the candidate that is tried next."""
        drawn = torch.rand(self.candidates, N_NUMBERS, generator=state.generator)
        kind = (number - 1) % len(KINDS)
        if number == 1 or KINDS[kind] == "any":
            return drawn[0]
        points = torch.stack([self._roughly(state, own) for own in drawn])
        if KINDS[kind] == "nearest":
            best = self._points[self._values.index(max(self._values))]
            return drawn[(points - best).square().sum((1, 2)).argmin()]
        with torch.no_grad():
            return drawn[self._predictor(points).argmax()]

    def note(self, action: Tensor, sizes: Sizes, gain: float) -> None:
        """Let the predictor learn from all sizes that were tried."""
        self._sizes.append(sizes)
        self._values.append(gain)
        self._points.append(self._at_points(sizes))
        self._predictor.learn(torch.stack(self._points), torch.tensor(self._values))

    def _at_points(self, sizes: Sizes) -> Tensor:
        """Return the sizes of some ranks of each side, as shares of the most, float32, shape [2, N_POINTS]."""
        return torch.stack([sizes[side][rows] for side, rows in self._rows.items()]).float() / self._most

    def _roughly(self, state: StreamState, action: Tensor) -> Tensor:
        """Return what `_at_points` would be of a candidate, without meeting the budget exactly."""
        found = []
        for place, counts in enumerate(state.counts.values()):
            weight = _weights(action, place, 1 - (torch.arange(N_POINTS, dtype=torch.float64) + 0.5) / N_POINTS)
            share = float(action[0]) if place == 0 else 1 - float(action[0])
            mean = share * state.total / len(counts)
            found.append((mean * weight / weight.mean()).clamp(1, state.most) / state.most)
        return torch.stack(found).float()

    def state(self) -> dict[str, Tensor]:
        """Return nothing, since each segment is searched anew."""
        return {}


def _weights(action: Tensor, place: int, u: Tensor) -> Tensor:
    """Return the weights of a side, 0 for users and 1 for items, whose ranks are these probabilities."""
    family, parameter = action[1 + 2 * place : 3 + 2 * place].tolist()
    return quantiles(min(int(len(FAMILIES) * family), len(FAMILIES) - 1), parameter, u)
