"""The settings of a tuning: search space, metric, number of trials, sampler, pruner and storage."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from optuna.distributions import CategoricalDistribution, distribution_to_json
from optuna.pruners import BasePruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial

from cadc.configuration.groups import groups
from cadc.configuration.override_text import to_overrides
from cadc.errors import CadcError, UsageError, require_at_least, require_positive
from cadc.evaluation.metrics.lookup import is_metric
from cadc.evaluation.metrics.lookup import metric as metric_of
from cadc.evaluation.prefixes import TEST, VALIDATION
from cadc.provenance.fingerprint import digest
from cadc.randomness import derive_seed
from cadc.tuning.bracket import Hyperband
from cadc.tuning.samplers import COVER_FIRST, TOGETHER, SamplerName, require_sampler, sampler_of_all, sampler_of_one
from cadc.tuning.space import bundles, decimal_values, distributions, keys_of_space

COSTS = {"bytes", "cost", "rows"}
"""Parts of a record, and values among them, that are better low."""


DEFAULT = "cadc:default"
"""Attribute of the trial of the current settings."""


class NoSuchMetric(UsageError):
    """Runs do not have the metric that is tuned."""


Direction = Literal["minimize", "maximize"]


class Tuning:
    """Settings of a tuning.

    Parameters
    ----------
    space : see `cadc.tuning.space.distributions`.
    trials : total number, the current settings included, which are trial 0, and those of earlier starts and of
        other processes.
    seconds : of all trials together, as the records of their runs count them; after these no trial begins. None sets no
        limit.
    timeout : seconds after which a process begins no further trial, as in Optuna's `optimize`; the same command goes on
        later. None sets no limit.
    repeats : runs of each trial, with consecutive seeds; their mean is its value. Pruning only looks at the first.
    metric : of a record, such as `val/logloss`, `val/auc`, `bytes/embedding`, `cost/total_s`; several give a
        Pareto front.
    direction : of each metric; `auto` knows that of the usual metrics.
    sampler : `tpe` (Bergstra et al., NIPS 2011); `random`; `qmc`, a scrambled Sobol sequence, as in `covering_point`;
        `gp`, a Gaussian process with expected improvement; `cmaes` (Hansen, 2016), of ranges and a single metric;
        `nsga2` (Deb et al., 2002), with `startup` + 1 trials a generation. These three learn the options that all
        trials have, and draw others at random.
    pruner : `median` stops trials that are in the worse half after an epoch, `quartile` those in the worst quarter, so
        that schedules which gain late have their chance; `hyperband` is that of Li et al. (JMLR 2018). For a single
        metric only.
    startup : trials that cover the space evenly before the sampler starts to learn; None takes 10, or as many as have
        each choice twice. The median pruner waits for as many, but at most 10.
    name : of the study; None derives one from what is tuned, so that the same overrides resume the same study.
    storage : address of a database that Optuna supports (`postgresql://…`); None keeps a journal file in the ledger.
    seed : of the sampler.
    workers : number of processes that a launcher starts.
    """

    def __init__(
        self,
        space: Any = None,
        trials: int = 50,
        seconds: float | None = None,
        timeout: float | None = None,
        repeats: int = 1,
        metric: str | tuple[str, ...] = "val/logloss",
        direction: Literal["auto", "minimize", "maximize"] | tuple[Direction, ...] = "auto",
        sampler: SamplerName = "tpe",
        pruner: Literal["median", "quartile", "hyperband", "none"] = "median",
        startup: int | None = None,
        name: str | None = None,
        storage: str | None = None,
        seed: int = 0,
        workers: int = 1,
    ) -> None:
        require_at_least(1, "tune", trials=trials, repeats=repeats, workers=workers)
        if startup is not None:
            require_at_least(0, "tune", startup=startup)
        for key, limit in (("seconds", seconds), ("timeout", timeout)):
            if limit is not None:
                require_positive("tune", **{key: limit})
        self.distributions = distributions(space)
        self.bundles, self.keys = bundles(space), keys_of_space(space)
        self._require_different_keys()
        self.trials, self.seconds, self.timeout, self.repeats = trials, seconds, timeout, repeats
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
        require_sampler(sampler, len(self.metrics), self.distributions)
        self.sampler_name, self.pruner_name = sampler, pruner
        n_choices = [
            len(each.choices) for each in self.distributions.values() if isinstance(each, CategoricalDistribution)
        ]
        self.startup = max(10, *(2 * n for n in n_choices), 0) if startup is None else startup
        self.name, self.storage, self.seed, self.workers = name, storage, seed, workers

    @property
    def components(self) -> set[str]:
        """The groups of the configuration whose component trials choose."""
        return {key for keys in self.keys.values() for key in keys} & set(groups())

    def covers(self, number: int) -> bool:
        """Return whether a trial takes its point from the sequence that covers the space."""
        return self.sampler_name == "qmc" or (self.sampler_name in COVER_FIRST and number <= self.startup)

    def depends(self, leaf: str) -> bool:
        """Return whether a leaf is an option of a component that trials choose, which the chosen one may not have."""
        group, _, option = leaf.partition(".")
        return leaf not in self.bundles and bool(option) and group in self.components

    @property
    def chooses_together(self) -> bool:
        """Whether the sampler chooses all options of a trial together."""
        return self.sampler_name in TOGETHER

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
        return sampler_of_one(self.sampler_name, self._seed(choice))

    def sampler_of_all(self, choice: str) -> BaseSampler:
        """Return the sampler for all options of a trial together.

        Parameters
        ----------
        choice : number of the trial, and of the draw.
        """
        return sampler_of_all(self.sampler_name, self._seed(choice), self.startup + 1)

    def _seed(self, choice: str) -> int:
        return derive_seed(self.seed, f"trial/{choice}") % (1 << 32)

    def pruner(self, max_epochs: int) -> BasePruner:
        """Return the pruner for trials of at most `max_epochs` epochs."""
        if not self.prunes:
            return NopPruner()
        if self.pruner_name == "hyperband":
            return Hyperband(min_resource=1, max_resource=max_epochs, reduction_factor=3)
        kept = {"median": 50.0, "quartile": 75.0}[self.pruner_name]
        return PercentilePruner(kept, n_startup_trials=min(self.startup, 10), n_warmup_steps=1)

    def overrides(self, trial: FrozenTrial | Trial) -> list[str]:
        """Return the overrides that a trial chose; none for the current settings."""
        return [] if DEFAULT in trial.user_attrs else to_overrides(self.settings_of(self.chosen(trial)))

    def settings_of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what chosen values set, by key of the configuration.

        Parameters
        ----------
        values : chosen, by leaf of the search space.
        """
        found: dict[str, Any] = {}
        for key, value in decimal_values(values, self.distributions).items():
            found |= self.bundles[key][value] if key in self.bundles else {key: value}
        return found

    def chosen(self, trial: FrozenTrial | Trial) -> dict[str, Any]:
        """Return what a trial chose, by leaf of the search space, whatever else a shared database holds."""
        own = {key: value for key, value in trial.params.items() if key in self.distributions}
        return decimal_values(own, self.distributions)

    def settings(self, run_id: str) -> str:
        """Return a hash of what trials of one study have in common.

        Parameters
        ----------
        run_id : of the configuration common to all trials.
        """
        space = {key: distribution_to_json(value) for key, value in self.distributions.items()}
        space |= {f"{key}/choices": json.dumps(choices) for key, choices in self.bundles.items()}
        how = [self.sampler_name, self.pruner_name if self.prunes else "none", self.startup, self.seed, "no repeats"]
        if self.repeats > 1:
            how.append(self.repeats)
        return digest(
            {"run": run_id, "space": space, "metrics": self.metrics, "directions": self.directions, "how": how}
        )

    def _require_different_keys(self) -> None:
        """Raise a UsageError if two leaves of the space set one key."""
        first: dict[str, str] = {}
        for leaf, keys in self.keys.items():
            for key in keys:
                if key in first:
                    raise UsageError(f"tune.space.{first[key]} and tune.space.{leaf} both set {key}; remove one.")
                first[key] = leaf

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
        # A space may choose the model, and with it the task.
        model = record["config"]["choices"]["model"]
        raise NoSuchMetric(
            f"tune.metric is {metric}, which runs with model={model} do not have; choose one of {', '.join(values)}."
        )
    if not isinstance(values[metric], int | float):
        raise CadcError(f"{metric} of this run is {values[metric]!r}; expected a number.")
    return float(values[metric])
