"""Search by a tree-structured Parzen estimator: a control for policies that learn."""

import optuna
import torch
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import Trial, create_trial
from torch import Tensor

from cadc.errors import require_at_least
from cadc.streams.action_search import N_NUMBERS, ActionSearch
from cadc.streams.policy import Sizes, StreamState

SPACE: dict[str, BaseDistribution] = {f"number_{number}": FloatDistribution(0, 1) for number in range(N_NUMBERS)}


class SearchTPE(ActionSearch):
    """Tries the actions that TPE (Bergstra et al., NeurIPS 2011) proposes, see `ActionSearch`.

    Each segment has a study of its own, since the best sizes change with the rows that are known.

    Parameters
    ----------
    evaluations, steps : see `ActionSearch`.
    startup : actions that are tried before the estimator proposes any, not negative.
    """

    def __init__(self, evaluations: int = 12, steps: int = 100, startup: int = 4) -> None:
        super().__init__(evaluations, steps)
        require_at_least(0, "policy", startup=startup)
        self.startup = startup
        self._asked: Trial | None = None

    def begin(self, state: StreamState, sizes: Sizes) -> None:
        """Begin a study."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        seed = int(torch.randint(2**31, (), generator=state.generator))
        sampler = TPESampler(seed=seed, n_startup_trials=self.startup)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)

    def propose(self, number: int, state: StreamState) -> Tensor:
        """Return the action that is tried next."""
        self._asked = self._study.ask(SPACE)
        return torch.tensor([self._asked.params[name] for name in SPACE])

    def note(self, action: Tensor, sizes: Sizes, gain: float) -> None:
        """Let the estimator learn from an action, its own or that of the segment before."""
        if self._asked is None:
            params = dict(zip(SPACE, action.tolist(), strict=True))
            self._study.add_trial(create_trial(params=params, distributions=SPACE, value=gain))
        else:
            self._study.tell(self._asked, gain)
            self._asked = None
