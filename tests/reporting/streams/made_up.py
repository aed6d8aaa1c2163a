"""Records of made-up streams."""

from cadc.reporting.points import points
from tests.reporting.made_up import record

USES = ["model", "sampler", "initializer", "embedding", "trainer", "policy", "stream"]


def stream(policy, values, seed=0, mean_size=4, metric="auc", words=(), **parts):
    """Return the record of a stream with a value of a metric in each segment, and what else `parts` says of each."""
    segments = [
        {
            "segment": number,
            "metrics": {f"test/{metric}": value, "test/logloss": 1 - value},
            "cost": {"train_s": 1.0},
            **{name: own[number] for name, own in parts.items()},
        }
        for number, value in enumerate(values)
    ]
    overrides = (f"seed={seed}", f"policy={policy}", f"stream.mean_size={mean_size}", "data/split=segments", *words)
    whole = {metric: sum(values) / len(values), "logloss": 0.5, "auc": 0.5}
    return record(*overrides, metrics=whole, uses=USES, segments=segments)


def points_of(*runs):
    """Return the points of (arm, record) pairs."""
    return points(runs)
