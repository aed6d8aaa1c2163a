"""Regret: what the true probabilities, which only generated logs have, would gain over a model on the same rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.evaluation.metrics.logloss import cross_entropy
from cadc.evaluation.metrics.lookup import metric

METRICS = ("auc", "logloss")
EXPECTED = "expected_logloss"


def regret_of_rows(table: pd.DataFrame, log: InteractionLog, split: str) -> dict[str, float]:
    """Return the regret of a model on the rows of a part, see `regret`; nothing without true probabilities.

    Parameters
    ----------
    table : scores as `HeldOutRows.table` returns them; ranks have no regret.
    log : the log.
    split : `validation` or `test`.
    """
    if "probability" not in table or not log.has_column("oracle"):
        return {}
    place = pd.Index(log.column("row", split)).get_indexer(table["row"])
    oracle = log.column("oracle", split)[place].astype(np.float64)
    return regret(table["label"].to_numpy(), table["probability"].to_numpy(), oracle)


def regret(
    label: NDArray[np.floating], probability: NDArray[np.float64], oracle: NDArray[np.float64]
) -> dict[str, float]:
    """Return how much better the true probabilities are than those of a model.

    Parameters
    ----------
    label : 0 or 1, both of them, shape [n].
    probability : of label 1, as the model gives it, shape [n].
    oracle : the true probability, shape [n].

    Returns
    -------
    `auc` and `logloss` : gains on these labels, by whose chance they may be negative.
    `expected_logloss` : gain in logloss that is expected over labels, which is the mean Kullback-Leibler divergence of
        the model's probabilities from the true ones, in nats; never negative, and 0 only for the true probabilities.

    Examples
    --------
    >>> found = regret(np.array([0.0, 1.0]), np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'auc': 0.5, 'logloss': 0.405, 'expected_logloss': 0.131}
    """
    found = {}
    of_model, of_oracle = (pd.DataFrame({"label": label, "probability": own}) for own in (probability, oracle))
    for name in METRICS:
        own = metric(name)
        gain = own.value(of_oracle) - own.value(of_model)
        found[name] = gain if own.higher_is_better else -gain
    ones, zeros = np.ones(len(oracle)), np.zeros(len(oracle))
    gain_if_one = cross_entropy(ones, probability) - cross_entropy(ones, oracle)
    gain_if_zero = cross_entropy(zeros, probability) - cross_entropy(zeros, oracle)
    # Rounding may leave less than nothing.
    return found | {EXPECTED: max(float((oracle * gain_if_one + (1 - oracle) * gain_if_zero).mean()), 0.0)}
