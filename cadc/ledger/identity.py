"""The id of a run: a hash of the configuration that matters, the data's content, the seeds and the code."""

from collections.abc import Mapping
from typing import Any

from cadc.components import TARGET
from cadc.data.log import InteractionLog
from cadc.identity import code_hash, describe, digest
from cadc.pipeline import dim_of_factors, is_trained, needs_factors, seeds, used_groups

ALWAYS = ("cadc.pipeline", "cadc.training.fit", "cadc.evaluation.auc", "cadc.evaluation.logloss")

Config = Mapping[str, Any]


def run_identity(config: Config, log: InteractionLog) -> tuple[str, str]:
    """Return a run's id and the hash of the code that can change its result.

    Parameters
    ----------
    config : composed configuration.
    log : the prepared log that it names.
    """
    code = code_hash([*ALWAYS, *(config[group][TARGET].rpartition(".")[0] for group in used_groups(config))])
    return digest(_settings(config) | {"data": [log.meta["name"], log.content_hash], "code": code}), code


def signature(config: Config) -> str:
    """Return a hash of all that a configuration asks for; it needs neither the data nor the code of a run."""
    data = {key: value for key, value in config["data"].items() if key not in ("split", "split_seed")}
    asked = [describe(data), describe(config["data"]["split"]), config["data"]["split_seed"]]
    return digest(_settings(config) | {"data": asked})


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
        "seeds": seeds(config) if is_trained(config) else None,
    }
