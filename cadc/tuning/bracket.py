"""Hyperband whose brackets depend on the number of a trial alone."""

from binascii import crc32
from typing import Any

from optuna.pruners import HyperbandPruner


class Hyperband(HyperbandPruner):
    """Optuna's Hyperband (Li et al., JMLR 2018), but for the bracket of a trial.

    Optuna draws it from the name of the study and the number of the trial, so that the same study under another name
    would stop other trials.
    """

    def _get_bracket_id(self, study: Any, trial: Any) -> int:
        if not self._pruners:
            return 0
        place = crc32(f"trial {trial.number}".encode()) % self._total_trial_allocation_budget
        for bracket, size in enumerate(self._trial_allocation_budgets):
            place -= size
            if place < 0:
                return bracket
        raise AssertionError("brackets are as large as their sum")
