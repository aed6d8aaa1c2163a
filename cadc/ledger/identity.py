"""The id of a run: a hash of the configuration that matters, the data's content, the seeds and the code."""

from collections.abc import Mapping
from typing import Any

from cadc.components import TARGET
from cadc.data.log import InteractionLog
from cadc.identity import code_hash, describe, digest
from cadc.pipeline import dim_of_factors, is_trained, needs_factors, seeds

ALWAYS = ("cadc.pipeline", "cadc.training.fit", "cadc.evaluation.auc", "cadc.evaluation.logloss")


def run_identity(config: Mapping[str, Any], log: InteractionLog) -> tuple[str, str]:
    """Return a run's id and the hash of the code that can change its result.

    Groups that a model does not use (the sampler of a factorisation, say) do not count, nor do seeds that it
    does not use, so that a control arm is run once in a grid.

    Parameters
    ----------
    config : composed configuration.
    log : the prepared log that it names.
    """
    used = ["model"]
    if is_trained(config):
        used += ["sampler", "initializer", "embedding", "trainer"]
    if needs_factors(config):
        used += ["factorization"]
    code = code_hash([*ALWAYS, *(config[group][TARGET].rpartition(".")[0] for group in used)])
    identity = {
        "data": [log.meta["name"], log.content_hash],
        "components": {group: describe(config[group]) for group in used},
        "factor_dim": dim_of_factors(config) if needs_factors(config) else None,
        "seeds": seeds(config) if is_trained(config) else None,
        "code": code,
    }
    return digest(identity), code
