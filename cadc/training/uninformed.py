"""The validation metric that a prediction without information reaches at best."""

from math import log, log2

from cadc.evaluation.tasks import HeldOut, HeldOutRows
from cadc.training.chance import DEVIATIONS

PLACES = 10
"""Places that NDCG@10 looks at."""


def uninformed_metric(held_out: HeldOut) -> float:
    """Return the value of the monitored metric that predictions without information surpass by luck alone.

    Of rows, this is the logloss of their own mean label less DEVIATIONS² / 2n: a constant that n labels choose gains
    more than half of a χ² variable with one degree of freedom, in all, as rarely as such a variable is that many
    standard deviations away (Wilks 1938). Of items, it is the NDCG@10 of a random order and DEVIATIONS standard
    deviations.

    Parameters
    ----------
    held_out : the validation part, with both labels where rows are scored.
    """
    n_rows = max(1, len(held_out))
    if isinstance(held_out, HeldOutRows):
        mean = float(held_out.log.labels(held_out.rows).double().mean())
        return _entropy(mean) - DEVIATIONS**2 / (2 * n_rows)
    n_items = max(1, len(held_out.held_out.candidates))
    gains = [1 / log2(place + 1) for place in range(1, min(PLACES, n_items) + 1)]
    mean = sum(gains) / n_items
    variance = sum(gain**2 for gain in gains) / n_items - mean**2
    return mean + DEVIATIONS * (variance / n_rows) ** 0.5


def _entropy(mean: float) -> float:
    """Return the logloss of the mean of labels on these labels."""
    return -sum(share * log(share) for share in (mean, 1 - mean) if share > 0)
