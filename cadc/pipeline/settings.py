"""All choices of one run, resolved once from its configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from cadc.configuration.checks import BESIDE_SOURCE, check_config
from cadc.configuration.components import TARGET, Component, defaults
from cadc.configuration.compose import compose_config
from cadc.data.sources.source import Source
from cadc.data.split.split import Split
from cadc.data.transform.none import NoTransform
from cadc.data.transform.transform import DenseTransform
from cadc.embeddings.base.scheme import Scheme
from cadc.embeddings.initializers.initializer import Initializer
from cadc.evaluation.saved_tables import Task
from cadc.factorization.crossfit import Unit
from cadc.factorization.factorization import Factorization
from cadc.factorization.fitted_rows import FactorizedRows
from cadc.factorization.solvers.penalties import AUTO
from cadc.models.model import Model
from cadc.pipeline.callbacks import callbacks_of
from cadc.pipeline.given_parts import choose_split, with_given_parts
from cadc.pipeline.policy import policy_of
from cadc.pipeline.protocol import protocol_of
from cadc.pipeline.seeds import Config, Seeds, seeds_of
from cadc.pipeline.task import task_of
from cadc.pipeline.views import views_of
from cadc.sampling.sampler import Sampler
from cadc.streams.policy import Policy
from cadc.streams.protocol import Protocol
from cadc.training.fit import Fit
from cadc.views.view import View

Evaluated = Literal["test", "validation"]


@dataclass(frozen=True)
class Settings:
    """What a run is made of: its components, its seeds, and what follows from them together.

    Groups that the model does not use are None, so that two configurations that differ in them alone are one run.

    Parameters
    ----------
    config : the composed configuration that all else was read from, as the record holds it.
    source, split, transform : the data set, how it is split, and what becomes of its dense columns.
    seeds : see `Seeds`.
    task : `ctr` scores rows, `ranking` ranks all items for each user.
    model : what is trained and evaluated.
    sampler : which training rows are kept; None if nothing is fitted on a sample.
    initializer, scheme, fit : what tables start from, how they are stored, how a network is fitted; None without one.
    callbacks : of the training by name; empty without a network.
    factorization : None if nothing in the run asks for factors.
    views : what the model reads of the whole log beside, by name in alphabetical order; empty for models without.
    factorized_rows : which training rows the factorisation and the views read.
    left_out : what they leave out together where they do not read all rows: single rows, or pairs of user and item with
        all their rows.
    n_folds : of cross-fitting.
    factor_dim : length of the factors' vectors; None without a factorisation.
    policy, protocol : what makes the run a stream, and how it trains; None for a run on one log.
    evaluated : the part that the run is judged by.
    threads : CPU threads.
    """

    config: Config
    source: Component[Source]
    split: Component[Split]
    transform: Component[DenseTransform]
    seeds: Seeds
    task: Task
    model: Component[Model]
    sampler: Component[Sampler] | None
    initializer: Component[Initializer] | None
    scheme: Component[Scheme] | None
    fit: Component[Fit] | None
    callbacks: Mapping[str, Component[Any]]
    factorization: Component[Factorization] | None
    views: Mapping[str, Component[View]]
    factorized_rows: FactorizedRows
    left_out: Unit
    n_folds: int
    factor_dim: int | None
    policy: Component[Policy] | None
    protocol: Component[Protocol] | None
    evaluated: Evaluated
    threads: int

    @classmethod
    def compose(cls, overrides: Sequence[str] = ()) -> "Settings":
        """Return the settings that overrides such as `sampler.rate=0.1` ask for; files they name get their hash.

        Raises
        ------
        UsageError : for overrides, groups, options or values that are wrong, or that do not fit together.
        """
        config = compose_config(overrides)
        found = cls.of(config)
        if found.source.cls.brings_parts(found.source.options) and not choose_split(overrides):
            config = with_given_parts(overrides)
            found = cls.of(config)
        if "transform" not in config["data"]:
            transform = found.source.cls.dense_transform
            default = {TARGET: f"{transform.__module__}.{transform.__qualname__}"}
            config = {**config, "data": {**config["data"], "transform": default}}
            found = cls.of(config)
        if found.initializer is None:
            return found
        pinned = found.initializer.cls.pinned(found.initializer.options)
        new = {key: value for key, value in pinned.items() if value != found.initializer.options.get(key)}
        own = replace(found.initializer, options=pinned)
        return replace(found, initializer=own, config={**config, "initializer": {**config["initializer"], **new}})

    @classmethod
    def of(cls, config: Config) -> "Settings":
        """Return the settings of a composed configuration, or of that in a record.

        Raises
        ------
        UsageError : for components, options or values that are wrong, or that do not fit together.
        """
        # The logger changes no result, and older records name loggers that no longer exist.
        config = check_config(config, unchecked=("logger",))
        data, model = config["data"], Component.read(config["model"], "model", Model)
        sampler = Component.read(config["sampler"], "sampler", Sampler)
        initializer = Component.read(config["initializer"], "initializer", Initializer)
        factorization = Component.read(config["factorization"], "factorization", Factorization)
        is_trained = model.cls.trainable
        factorized_rows: FactorizedRows = config.get("factorization_rows", "full")
        scores_with_factors = model.cls.reads_factors(model.options) or (is_trained and initializer.cls.needs_factors)
        uses_sampler = is_trained or model.cls.fits_sample or (scores_with_factors and factorized_rows == "complement")
        views = views_of(config, model, seeds_of(config))
        policy = policy_of(config, model)
        views_need_factors = any(view.cls.needs_factors for view in views.values())
        needs_factors = scores_with_factors or views_need_factors or (uses_sampler and sampler.cls.needs_factors)
        settings = cls(
            config=config,
            source=Component.read({key: own for key, own in data.items() if key not in BESIDE_SOURCE}, "data", Source),
            split=Component.read(data["split"], "data.split", Split),
            # Records from before there were transforms have none.
            transform=Component.read(data["transform"], "data.transform", DenseTransform)
            if "transform" in data
            else Component(NoTransform, {}),
            seeds=seeds_of(config),
            task=task_of(model, config.get("task", "auto")),
            model=model,
            sampler=sampler if uses_sampler else None,
            initializer=initializer if is_trained else None,
            scheme=Component.read(config["embedding"], "embedding", Scheme) if is_trained else None,
            fit=Component.read(_without_callbacks(config["trainer"]), "trainer", Fit) if is_trained else None,
            callbacks=callbacks_of(config) if is_trained else {},
            factorization=factorization if needs_factors else None,
            views=views,
            factorized_rows=factorized_rows,
            # Records from before there was a choice kept pairs together.
            left_out=config.get("factorization_unit", "pair"),
            n_folds=config.get("factorization_folds", 5),
            factor_dim=None,
            policy=policy,
            protocol=None if policy is None else protocol_of(config, sampler, factorization if needs_factors else None),
            evaluated=config.get("evaluate", "test"),
            threads=config["threads"],
        )
        return settings._with_factors() if needs_factors else settings

    @property
    def logger(self) -> Component[Any]:
        """Where the finished run is copied to.

        Raises
        ------
        UsageError : if its class does not exist.
        """
        return Component.read(self.config["logger"], "logger", object)

    def build_fit(self) -> Fit:
        """Return the training of the network with its callbacks."""
        assert self.fit is not None
        fit = self.fit.build()
        fit.callbacks = {name: callback.build() for name, callback in self.callbacks.items()}
        return fit

    @property
    def measures_energy(self) -> bool:
        """Whether the energy of the run is measured."""
        return bool(self.config.get("energy", False))

    @property
    def is_trained(self) -> bool:
        """Whether the model is a network that trains on the sample."""
        return self.fit is not None

    @property
    def model_reads_factors(self) -> bool:
        """Whether the model scores by a factorisation, alone or with what a network adds to it."""
        return self.model.cls.reads_factors(self.model.options)

    @property
    def starts_from_factors(self) -> bool:
        """Whether embedding tables start from a factorisation."""
        return self.initializer is not None and self.initializer.cls.needs_factors

    @property
    def scores_with_factors(self) -> bool:
        """Whether the model, or what its tables start from, asks for a factorisation of `factorized_rows`."""
        return self.model_reads_factors or self.starts_from_factors

    @property
    def views_read_factors(self) -> bool:
        """Whether some view starts from the factorisation."""
        return any(view.cls.needs_factors for view in self.views.values())

    @property
    def reads_whole_log(self) -> bool:
        """Whether anything is fitted on `factorized_rows`."""
        return self.scores_with_factors or bool(self.views)

    @property
    def may_read_ratings(self) -> bool:
        """Whether anything in the run may read the ratings of a log that has them."""
        return bool(self.views) or "rating" in self.model.cls.needs_columns

    @property
    def samples_by_factors(self) -> bool:
        """Whether the sampler chooses rows by a factorisation of all training rows."""
        return self.sampler is not None and self.sampler.cls.needs_factors

    @property
    def validation_rate(self) -> float:
        """Share of the validation part that the run may read; a factorisation reads no more than the network."""
        return 1.0 if self.fit is None else float(self.fit.option("validation_rate"))

    def used(self) -> dict[str, Component[Any]]:
        """Return the components that the run uses by their group, the data left out."""
        found = {
            "model": self.model,
            "sampler": self.sampler,
            "initializer": self.initializer,
            "embedding": self.scheme,
            "trainer": self.fit,
            "factorization": self.factorization,
            "policy": self.policy,
            "stream": self.protocol,
            **{f"views.{name}": view for name, view in self.views.items()},
            **{f"trainer.callbacks.{name}": callback for name, callback in self.callbacks.items()},
        }
        return {group: component for group, component in found.items() if component is not None}

    @property
    def uses(self) -> list[str]:
        """Names of the configuration groups that the run uses, the data left out."""
        return list(self.used())

    def _with_factors(self) -> "Settings":
        """Return the settings with the length of the factors' vectors, and with the seed and the penalties filled in.

        A factorisation that draws nothing has its default seed, so that all seeds of a grid share it. Where only
        vectors are read, penalties that validation would choose for the whole logit have their defaults: vectors carry
        the biases then.

        Raises
        ------
        UsageError : if factorisation and tables do not fit.
        """
        assert self.factorization is not None
        dim, own = self._factor_dim(), self.factorization
        default, filled = defaults(own.cls), dict(own.options)
        if "seed" in filled:
            draws = self.factorized_rows == "crossfit" or own.build().draws(dim)
            filled["seed"] = self.seeds.factorization if draws else default["seed"]
        reads_biases = self.initializer is not None and self.initializer.cls.reads_biases
        if not (self.model_reads_factors or self.views_read_factors or reads_biases):
            filled |= {name: default[name] for name, value in filled.items() if value == AUTO}
        return replace(self, factor_dim=dim, factorization=replace(own, options=filled))

    def _factor_dim(self) -> int:
        """Return the length of the factors' vectors.

        Raises
        ------
        UsageError : if factorisation and tables do not fit.
        """
        if self.model.cls.factor_dim is not None:
            return self.model.cls.factor_dim
        assert self.factorization is not None
        factorization = self.factorization.build()
        if self.starts_from_factors:
            assert self.initializer is not None and self.scheme is not None
            return factorization.dim_for(self.scheme.option("dim"), self.initializer.build().extra_columns)
        if factorization.dim is not None:
            return factorization.dim
        return factorization.dim_for(self.config["embedding"]["dim"])


def _without_callbacks(trainer: Config) -> dict[str, Any]:
    return {key: value for key, value in trainer.items() if key != "callbacks"}
