"""Regret: what the true probabilities, which only generated logs have, would gain over a model on the same rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.evaluation.metrics.logloss import cross_entropy
from cadc.evaluation.metrics.lookup import metric

GAINS = ("auc", "logloss")
"""Metrics whose gain is measured on the labels."""
EXPECTED_LOGLOSS = "expected_logloss"
"""Name of the gain in logloss that is expected over labels."""


def oracle_of_rows(table: pd.DataFrame, log: InteractionLog, split: str) -> NDArray[np.float64]:
    """Return the true probability of each saved row of a part, in the order of the table, shape [n].

    Raises
    ------
    DataError : if the log has no true probabilities.
    """
    place = pd.Index(log.column("row", split)).get_indexer(table["row"])
    return np.asarray(log.column("oracle", split)[place], np.float64)


def regret(model: pd.DataFrame, oracle: pd.DataFrame) -> dict[str, float]:
    """Return how much better the true probabilities are than those of a model.

    Parameters
    ----------
    model : scores, with label (0 or 1, both of them) and probability.
    oracle : the same rows with their true probabilities.

    Returns
    -------
    `auc` and `logloss` : gains on these labels, by whose chance they may be negative.
    `expected_logloss` : gain in logloss that is expected over labels, which is the mean Kullback-Leibler divergence of
        the model's probabilities from the true ones, in nats; never negative, and 0 only for the true probabilities.

    Examples
    --------
    >>> model = pd.DataFrame({"label": [0.0, 1.0], "probability": [0.5, 0.5]})
    >>> {name: round(value, 3) for name, value in regret(model, model.assign(probability=[0.25, 0.75])).items()}
    {'auc': 0.5, 'logloss': 0.405, 'expected_logloss': 0.131}
    """
    found = {}
    for name in GAINS:
        own = metric(name)
        gain = own.value(oracle) - own.value(model)
        found[name] = gain if own.higher_is_better else -gain
    said, true = (frame["probability"].to_numpy() for frame in (model, oracle))
    ones, zeros = np.ones(len(true)), np.zeros(len(true))
    gain_if_one = cross_entropy(ones, said) - cross_entropy(ones, true)
    gain_if_zero = cross_entropy(zeros, said) - cross_entropy(zeros, true)
    # Rounding may leave less than nothing.
    return found | {EXPECTED_LOGLOSS: max(float((true * gain_if_one + (1 - true) * gain_if_zero).mean()), 0.0)}
