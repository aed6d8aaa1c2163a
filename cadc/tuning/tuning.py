"""The settings of a tuning: search space, metric, number of trials, sampler, pruner and storage."""

from collections.abc import Mapping
from typing import Any, Literal

from optuna.distributions import distribution_to_json
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial

from cadc.configuration.override_text import to_overrides
from cadc.errors import CadcError, UsageError, require_at_least
from cadc.evaluation.metrics.lookup import is_metric
from cadc.evaluation.metrics.lookup import metric as metric_of
from cadc.evaluation.prefixes import TEST, VALIDATION
from cadc.provenance.fingerprint import digest
from cadc.randomness import derive_seed
from cadc.tuning.bracket import Hyperband
from cadc.tuning.space import decimal_values, distributions

COSTS = {"bytes", "cost", "rows"}
"""Parts of a record, and values among them, that are better low."""


class NoSuchMetric(UsageError):
    """Runs do not have the metric that is tuned."""


Direction = Literal["minimize", "maximize"]


class Tuning:
    """Settings of a tuning.

    Parameters
    ----------
    space : see `cadc.tuning.space.distributions`.
    trials : total number, including those of earlier starts and of other processes.
    repeats : runs of each trial, with consecutive seeds; their mean is its value. Pruning only looks at the first.
    metric : of a record, such as `val/logloss`, `val/auc`, `bytes/embedding`, `cost/total_s`; several give a
        Pareto front.
    direction : of each metric; `auto` knows that of the usual metrics.
    sampler : `tpe` (Bergstra et al., NIPS 2011) or `random`.
    pruner : `median` or `hyperband` (Li et al., JMLR 2018) stop bad trials early; for a single metric only.
    startup : random trials before the sampler starts to learn and the median pruner to stop trials.
    name : of the study; None derives one from what is tuned, so that the same overrides resume the same study.
    storage : address of a database that Optuna supports (`postgresql://…`); None keeps a journal file in the ledger.
    seed : of the sampler.
    workers : number of processes that a launcher starts.
    """

    def __init__(
        self,
        space: Any = None,
        trials: int = 50,
        repeats: int = 1,
        metric: str | tuple[str, ...] = "val/logloss",
        direction: Literal["auto", "minimize", "maximize"] | tuple[Direction, ...] = "auto",
        sampler: Literal["tpe", "random"] = "tpe",
        pruner: Literal["median", "hyperband", "none"] = "median",
        startup: int = 10,
        name: str | None = None,
        storage: str | None = None,
        seed: int = 0,
        workers: int = 1,
    ) -> None:
        require_at_least(1, "tune", trials=trials, repeats=repeats, workers=workers)
        require_at_least(0, "tune", startup=startup)
        self.distributions = distributions(space)
        self.trials, self.repeats = trials, repeats
        self.metrics = (metric,) if isinstance(metric, str) else tuple(metric)
        if not self.metrics:
            raise UsageError("tune.metric is empty; name one, such as val/logloss.")
        for name_of_metric in self.metrics:
            if self.metrics.count(name_of_metric) > 1:
                raise UsageError(f"tune.metric has a duplicate of {name_of_metric}; remove it.")
            if name_of_metric.startswith(TEST):
                raise UsageError(f"tune.metric is {name_of_metric}; trials never read test data; choose one of val/.")
            if "/" not in name_of_metric:
                raise UsageError(
                    f"tune.metric is {name_of_metric!r}; expected val/logloss, bytes/embedding or the like."
                )
        if isinstance(direction, str):
            direction = tuple(_direction(metric) if direction == "auto" else direction for metric in self.metrics)  # type: ignore[misc]
        if len(direction) != len(self.metrics):
            raise UsageError(
                f"tune.direction has {len(direction)} values for {len(self.metrics)} metrics; give as many."
            )
        self.directions = direction
        self.sampler_name, self.pruner_name, self.startup = sampler, pruner, startup
        self.name, self.storage, self.seed, self.workers = name, storage, seed, workers

    @property
    def prunes(self) -> bool:
        """Whether trials may be pruned: with a single metric that is computed each epoch."""
        return self.pruner_name != "none" and len(self.metrics) == 1 and self.metrics[0].startswith(VALIDATION)

    def sampler(self, choice: str) -> BaseSampler:
        """Return the sampler for one choice; its seed depends on the choice alone, so that all processes get the same.

        Parameters
        ----------
        choice : number of the trial, or `NUMBER/KEY` for one option of it.
        """
        seed = derive_seed(self.seed, f"trial/{choice}") % (1 << 32)
        if self.sampler_name == "random":
            return RandomSampler(seed)
        # Running trials count as bad, so that two processes do not try the same options.
        return TPESampler(seed=seed, n_startup_trials=self.startup, constant_liar=True)

    def pruner(self, max_epochs: int) -> BasePruner:
        """Return the pruner for trials of at most `max_epochs` epochs."""
        if not self.prunes:
            return NopPruner()
        if self.pruner_name == "hyperband":
            return Hyperband(min_resource=1, max_resource=max_epochs, reduction_factor=3)
        return MedianPruner(n_startup_trials=self.startup, n_warmup_steps=1)

    def overrides(self, trial: FrozenTrial | Trial) -> list[str]:
        """Return the overrides that a trial chose."""
        return to_overrides(self.chosen(trial))

    def chosen(self, trial: FrozenTrial | Trial) -> dict[str, Any]:
        """Return the values that a trial chose, by key of the search space, whatever else a shared database holds."""
        own = {key: value for key, value in trial.params.items() if key in self.distributions}
        return decimal_values(own, self.distributions)

    def settings(self, run_id: str) -> str:
        """Return a hash of what trials of one study have in common.

        Parameters
        ----------
        run_id : of the configuration common to all trials.
        """
        space = {key: distribution_to_json(value) for key, value in self.distributions.items()}
        how = [self.sampler_name, self.pruner_name if self.prunes else "none", self.startup, self.seed]
        if self.repeats > 1:
            how.append(self.repeats)
        return digest(
            {"run": run_id, "space": space, "metrics": self.metrics, "directions": self.directions, "how": how}
        )

    def values(self, record: Mapping[str, Any]) -> list[float]:
        """Return the metrics of a finished trial.

        Raises
        ------
        NoSuchMetric : if records do not have a metric.
        CadcError : if this record has no number for it.
        """
        return [_value(record, metric) for metric in self.metrics]


def _direction(metric: str) -> str:
    part, _, name = metric.partition("/")
    if COSTS & {part, name}:
        return "minimize"
    if is_metric(name):
        return "maximize" if metric_of(name).higher_is_better else "minimize"
    raise UsageError(f"whether {metric} should be high or low is not known; set tune.direction=minimize or maximize.")


def _value(record: Mapping[str, Any], metric: str) -> float:
    parts = {part: record.get(part, {}) for part in ("bytes", "cost", "rows", "tables")}
    values = record["metrics"] | {
        f"{part}/{key}": value
        for part, own in parts.items()
        for key, value in own.items()
        if not isinstance(value, dict | list)
    }
    if metric not in values:
        raise NoSuchMetric(f"tune.metric is {metric}, which runs do not have; choose one of {', '.join(values)}.")
    if not isinstance(values[metric], int | float):
        raise CadcError(f"{metric} of this run is {values[metric]!r}; expected a number.")
    return float(values[metric])
