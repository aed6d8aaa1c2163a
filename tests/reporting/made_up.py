"""Records of made-up runs, for tests of tables and figures that need no training."""

from cadc.configuration.compose import compose_config
from cadc.reporting.points import ARM_COLUMNS


def made_up_columns(arm, rate=None, dim=None, **others):
    """Return the columns of a point."""
    return dict.fromkeys(ARM_COLUMNS) | {"dataset": "made-up", "arm": arm, "rate": rate, "dim": dim} | others


def record(*words, metrics=None, task="ctr", uses=None, **parts):
    """Return a whole record of a run with these words."""
    config = compose_config(list(words))
    model = config["choices"]["model"]
    trained = model in ("dlrm", "two_tower")
    if uses is None:
        uses = ["model", "sampler", "initializer", "embedding", "trainer"] if trained else ["model", "factorization"]
    metrics = metrics or {"auc": 0.75, "logloss": 0.55}
    cost = {"total_s": 12.345678, "factorize_s": 1.5, "train_s": 10.0, "epochs": 4}
    return {
        "id": " ".join(words),
        "task": task,
        "config": config,
        "seed": config["seed"],
        "data": {"name": config["choices"]["data"], "content_hash": "x"},
        "metrics": {f"test/{name}": value for name, value in metrics.items()},
        "cost": cost,
        "environment": {"cpu": "made-up processor", "threads": 1},
        "rows": {"kept": 800 if trained else None, "full": 8000, "factorized": 8000, "validation": 1000},
        "bytes": {"embedding": 1234, "optimizer": None},
        "sample": {},
        "uses": uses,
        "factor_dim": None if trained else 16,
        "finished_at": "2026-01-01T00:00:00+00:00",
    } | parts
