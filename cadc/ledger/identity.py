"""The id of a run: a hash of the configuration that matters, the data's content, the seeds and the code."""

from collections.abc import Mapping
from typing import Any

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET
from cadc.configuration.settings import (
    Config,
    dim_of_factors,
    fitted_rows,
    is_trained,
    needs_factors,
    scores_with_factors,
    seeds,
    source_options,
    task,
    used_groups,
    uses_sampler,
)
from cadc.data.log import InteractionLog
from cadc.provenance.fingerprint import code_hash, describe, digest

COVERED_BY_CONTENT = ("cadc.data.preparation",)
"""Code whose every effect on a run shows in the content of the prepared log."""


def run_identity(config: Config, log: InteractionLog) -> tuple[str, str]:
    """Return a run's id and the hash of the code that can change its result.

    Parameters
    ----------
    config : composed configuration.
    log : the prepared log that it names.
    """
    code = run_code(config)
    return _id(config, log.meta["name"], log.content_hash, code), code


def recorded_identity(record: Mapping[str, Any]) -> str:
    """Return the id that follows from what a record says of configuration, data and code, without the data.

    Raises
    ------
    UsageError : where a component that it names does not exist here.
    """
    return _id(record["config"], record["data"]["name"], record["data"]["content_hash"], record["code"]["hash"])


def _id(config: Config, data_name: str, content_hash: str, code: str) -> str:
    return digest(_settings(config) | {"data": [data_name, content_hash], "code": code})


def run_code(config: Config) -> str:
    """Return the hash of the code that can change the result of a configuration."""
    chosen = [load_class(config[group][TARGET]).__module__ for group in used_groups(config)]
    return code_hash(["cadc.pipeline.run", *chosen], leave_out=COVERED_BY_CONTENT)


def signature(config: Config) -> str:
    """Return a hash of all that a configuration asks for; it needs neither the data nor the code of a run."""
    return digest(_settings(config) | {"data": _data(config), "split_seed": config["data"]["split_seed"]})


def data_signature(config: Config) -> str:
    """Return a hash of all that a configuration asks for of the data and their split."""
    return digest({"data": _data(config), "split_seed": config["data"]["split_seed"]})


def content_signature(config: Config, content_hash: str) -> str:
    """Return a hash of all that a configuration asks for, on data of some content: other seeds may split alike."""
    return digest(_settings(config) | {"content": content_hash})


def arm_signature(config: Config) -> str:
    """Return a hash of all that a configuration asks for but its seeds: runs of one arm agree in it."""
    return digest(_settings(config) | {"data": _data(config), "seeds": None})


def _data(config: Config) -> list[Any]:
    return [describe(source_options(config)), describe(config["data"]["split"])]


def _settings(config: Config) -> dict[str, Any]:
    """Return what tells two runs on the same data apart.

    Groups and seeds that a model does not use do not count, so that a control arm is run once in a grid.
    """
    components = {group: describe(config[group]) for group in used_groups(config)}
    # The length of the vectors counts as it comes out, whether spelled out or left to the table.
    components.get("factorization", {}).pop("dim", None)
    return {
        "components": components,
        "factor_dim": dim_of_factors(config) if needs_factors(config) else None,
        "seeds": _used_seeds(config),
        **_unless_default(config),
    }


def _used_seeds(config: Config) -> dict[str, int] | None:
    known = seeds(config)
    if is_trained(config):
        return known
    return {"sample": known["sample"]} if uses_sampler(config) else None


def _unless_default(config: Config) -> dict[str, Any]:
    """Return the keys beside the groups that matter to this run, where they are not as usual."""
    found: dict[str, Any] = {}
    if config.get("evaluate", "test") != "test":
        found["evaluate"] = config["evaluate"]
    if task(config) != "ctr":
        found["task"] = task(config)
    if scores_with_factors(config) and fitted_rows(config) != "full":
        found["factorization_rows"] = fitted_rows(config)
        if fitted_rows(config) == "crossfit":
            found["factorization_folds"] = config["factorization_folds"]
    return found
