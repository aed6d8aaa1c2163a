"""The id of a run: a hash of the configuration that matters, the data's content, the seeds and the code."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cadc.configuration.class_lookup import class_name
from cadc.configuration.components import TARGET, Component, defaults
from cadc.configuration.override_text import format_value
from cadc.data.log import InteractionLog
from cadc.errors import CadcError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.saved_tables import SAVED
from cadc.pipeline.settings import Settings
from cadc.provenance.fingerprint import code_hash, describe, digest

COVERED_BY_CONTENT = ("cadc.data.prepare", "cadc.data.remarks", "cadc.data.transform")
"""Code whose every effect on a run shows in the content of the prepared log."""

FLEETS = "cadc.training.fleet"
"""Code that trains runs together, which the other code of a run does not import."""

STREAMS = "cadc.pipeline.stream_run"
"""Code of a run that is a stream, which that of others does not import."""

NAMES_WITHOUT_PLACES = 4
"""Schema version since which ids name a class by its package and its own name; before, its file counted, too."""

EARLIER_NAMES = {
    "cadc.embeddings.full.Full": "cadc.embeddings.full.FullTable",
    "cadc.embeddings.initializers.random.RandomInitializer": "cadc.embeddings.initializers.RandomInitializer",
    "cadc.embeddings.initializers.mf.MFInitializer": "cadc.embeddings.initializers.MFInitializer",
}
"""Names in the ids of records of earlier schema versions, by the name in their configuration."""


def run_identity(settings: Settings, log: InteractionLog) -> tuple[str, str]:
    """Return a run's id and the hash of the code that can change its result.

    Parameters
    ----------
    settings : of the run.
    log : the prepared log that they name.
    """
    code = run_code(settings)
    return _id(_choices(settings), content_read(settings, log.meta), code), code


def recorded_settings(record: Mapping[str, Any]) -> Settings:
    """Return the settings of a record's configuration, which is read once however often they are asked for.

    Raises
    ------
    UsageError : if a component that the record names does not exist here.
    """
    return _settings_of(json.dumps(record["config"]))


@lru_cache(maxsize=4096)
def _settings_of(config: str) -> Settings:
    return Settings.of(json.loads(config))


def recorded_identity(record: Mapping[str, Any]) -> str:
    """Return the id that follows from the configuration, data and code of a record; the data is not read.

    Raises
    ------
    UsageError : if a component that the record names does not exist here.
    """
    settings = recorded_settings(record)
    choices = _choices(settings)
    if record.get("schema_version", 1) < NAMES_WITHOUT_PLACES:
        for group, described in choices["components"].items():
            target = record["config"][group][TARGET]
            described["class"] = EARLIER_NAMES.get(target, target)
    return _id(choices, content_read(settings, record["data"]), record["code"]["hash"])


def content_read(settings: Settings, data: Mapping[str, Any]) -> list[str]:
    """Return the name of the data, the hash of its content and, for a run that may read ratings, that of its ratings.

    Parameters
    ----------
    settings : of a run.
    data : `meta` of its log, or what its record holds of it.
    """
    found = [data["name"], data["content_hash"]]
    return [*found, data["rating_hash"]] if settings.may_read_ratings and data.get("rating_hash") else found


def _id(choices: Mapping[str, Any], content: Sequence[str], code: str) -> str:
    return digest(dict(choices) | {"data": list(content), "code": code})


def run_code(settings: Settings) -> str:
    """Return the hash of the code that can change the result of a run."""
    chosen = [component.cls.__module__ for component in settings.used().values()]
    if not settings.is_trained:
        return code_hash(
            ["cadc.pipeline.run", *chosen], leave_out=(*COVERED_BY_CONTENT, "cadc.training", "cadc.streams")
        )
    leave_out: tuple[str, ...] = COVERED_BY_CONTENT
    if settings.policy is None:
        leave_out = (*leave_out, "cadc.streams")  # settings import it
    else:
        chosen.append(STREAMS)
    chosen.append(type(metric(SAVED[settings.task].monitor)).__module__)  # training stops by it
    # Whether a run is trained in a fleet is not in its id, so their code counts for each.
    return code_hash(["cadc.pipeline.run", FLEETS, *chosen], leave_out=leave_out)


def signature(settings: Settings) -> str:
    """Return a hash of all that a configuration asks for; it needs neither the data nor the code of a run."""
    return digest(_choices(settings) | {"data": _data(settings), "split_seed": settings.seeds.split})


def data_signature(settings: Settings, options: Mapping[str, Any] | None = None) -> str:
    """Return a hash of the data set and the split that a configuration asks for; see `arm_signature`."""
    return digest({"data": _data(settings, options), "split_seed": settings.seeds.split})


def content_signature(settings: Settings, content_hash: str) -> str:
    """Return a hash of all that a configuration asks for, on data of some content: other seeds may split alike."""
    return digest(_choices(settings) | {"content": content_hash})


def arm_signature(settings: Settings, options: Mapping[str, Any] | None = None) -> str:
    """Return a hash of all that a configuration asks for but its seeds: the runs of an arm agree in it.

    Parameters
    ----------
    settings : of a run.
    options : of its data set, as the run found them; None reads them anew.
    """
    choices = _choices(settings)
    for group, described in choices["components"].items():
        if _follows_seed(group):
            described.pop("seed", None)
    return digest(choices | {"data": _data(settings, options), "seeds": None})


def recorded_arm(record: Mapping[str, Any]) -> str:
    """Return the `arm_signature` of a record: where files lay, or how values were written, does not count."""
    return arm_signature(recorded_settings(record), record["data"].get("options"))


def recorded_data(record: Mapping[str, Any]) -> str:
    """Return a hash of how a record's data set is read, split and transformed, but for the seed of the split."""
    return digest(_data(recorded_settings(record), record["data"].get("options")))


def told_by(record: Mapping[str, Any]) -> dict[str, str]:
    """Return all options of a record's configuration that can change its result but seeds, as text by key.

    Values at their default are among them, so that a name can say in what two arms differ.
    """
    settings = recorded_settings(record)
    choices = record["config"].get("choices", {})
    found: dict[str, str] = {}
    # Records from before there were transforms name none.
    is_named = "transform" in record["config"]["data"]
    transform = settings.transform if is_named else Component(settings.source.cls.dense_transform, {})
    parts: dict[str, Component[Any]] = {
        "data": settings.source,
        "data.split": settings.split,
        "data.transform": transform,
    }
    for group, component in {**parts, **settings.used()}.items():
        if not group.startswith("views."):
            found[group.replace(".", "/")] = str(choices.get(group) or component.cls.__name__)
        outside = (
            "class",
            *getattr(component.cls, "without_effect", ()),
            *(["seed"] if _follows_seed(group) else []),
        )
        values = {**defaults(component.cls), **component.options}
        if group == "data":
            values = {**values, **(record["data"].get("options") or source_options(settings))}
        found |= {f"{group}.{key}": format_value(value) for key, value in values.items() if key not in outside}
    if settings.views:
        found["views"] = f"[{','.join(settings.views)}]"
    beside: dict[str, Any] = {"evaluate": settings.evaluated, "task": settings.task, "factor_dim": settings.factor_dim}
    if settings.reads_whole_log:
        beside |= {"factorization_rows": settings.factorized_rows, "factorization_folds": settings.n_folds}
        if settings.factorized_rows != "full":
            beside["factorization_unit"] = settings.left_out
    return found | {key: format_value(value) for key, value in beside.items()}


def _follows_seed(group: str) -> bool:
    """Tell whether the option `seed` of a group, where it has one, is the run's unless it is set."""
    return group == "factorization" or group.startswith("views.")


def source_options(settings: Settings) -> dict[str, Any]:
    """Return the options of the data set that can change its content, those that a file adds included."""
    source = settings.source
    try:
        return describe(Component(source.cls, source.cls.completed(source.options), source.path))
    except CadcError:  # a file that is gone; its name is all that is known of it
        places = {name: Path(str(value)).name for name, value in source.options.items() if value is not None}
        return describe(source) | {name: places[name] for name in source.cls.without_effect if name in places}


def _data(settings: Settings, options: Mapping[str, Any] | None = None) -> list[Any]:
    found: list[Any] = [source_options(settings) if options is None else options, describe(settings.split)]
    transform = describe(settings.transform)
    # Left out where it is the source's default, and in records from before there were transforms.
    is_default = transform == {"class": class_name(settings.source.cls.dense_transform)}
    return found if is_default or "transform" not in settings.config["data"] else [*found, transform]


def _choices(settings: Settings) -> dict[str, Any]:
    """Return what tells two runs on the same data apart.

    Groups and seeds that a model does not use do not count, so that a control arm is run once in a grid.
    """
    components = {group: describe(component) for group, component in settings.used().items()}
    # The length of the vectors counts as it comes out, whether spelled out or left to the table.
    components.get("factorization", {}).pop("dim", None)
    return {
        "components": components,
        "factor_dim": settings.factor_dim,
        "seeds": _used_seeds(settings),
        **_unless_default(settings),
    }


def _used_seeds(settings: Settings) -> dict[str, int] | None:
    seeds, found = settings.seeds, {}
    if settings.sampler is not None or settings.is_trained:
        found["sample"] = seeds.sample
    if settings.is_trained:
        found["weight"] = seeds.weights
    # A factorisation holds the seed of the folds itself; records of views without one name it where it is another.
    is_named = settings.factorization is not None or seeds.factorization == seeds.sample
    if settings.views and settings.factorized_rows == "crossfit" and not is_named:
        found["folds"] = seeds.factorization
    return found or None


def _unless_default(settings: Settings) -> dict[str, Any]:
    """Return the keys beside the groups that matter to this run and differ from their default."""
    found: dict[str, Any] = {}
    if settings.evaluated != "test":
        found["evaluate"] = settings.evaluated
    if settings.task != "ctr":
        found["task"] = settings.task
    if settings.reads_whole_log and settings.factorized_rows != "full":
        found["factorization_rows"] = settings.factorized_rows
        # Records from before there was a choice kept pairs together.
        if settings.left_out != "pair":
            found["factorization_unit"] = settings.left_out
        if settings.factorized_rows == "crossfit":
            found["factorization_folds"] = settings.n_folds
    return found
