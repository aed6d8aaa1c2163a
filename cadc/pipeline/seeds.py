"""The seeds of a run, one for each of its random parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]
"""A composed configuration, or that of a record."""


@dataclass(frozen=True)
class Seeds:
    """The four seeds of a run.

    Parameters
    ----------
    split : of the split into training, validation and test rows.
    sample : of the training rows that are kept.
    weights : of the initial weights and the order of batches.
    factorization : of all that a factorisation draws, and of the folds of cross-fitting.
    """

    split: int
    sample: int
    weights: int
    factorization: int


def seeds_of(config: Config) -> Seeds:
    """Return the seeds of a configuration; all but that of the split follow `seed` unless they are set."""
    seed = config["seed"]
    sample, weights = config["sample_seed"], config["weight_seed"]
    # A factorisation without the option draws nothing; records of other models may lack the group.
    factorization = config.get("factorization", {}).get("seed", 0)
    return Seeds(
        split=config["data"]["split_seed"],
        sample=seed if sample is None else sample,
        weights=seed if weights is None else weights,
        factorization=seed if factorization is None else factorization,
    )
