"""A made-up ledger of runs with saved scores, and the points of their table."""

import numpy as np
import pandas as pd

from cadc.evaluation.statistics import compare
from cadc.experiment import Reference
from cadc.ledger import Ledger
from cadc.provenance.fingerprint import file_hash
from cadc.reporting.comparisons.comparison import compare_points
from cadc.reporting.points import Point
from tests.reporting.made_up import made_up_columns


def test_rows(split_seed, noise, n_rows=400, n_users=25):
    """Return saved scores; rows, users and labels follow from the split alone."""
    rng = np.random.default_rng(split_seed)
    row = rng.permutation(3000)[:n_rows]
    logit = rng.normal(size=n_rows)
    label = (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    probability = 1 / (1 + np.exp(-logit - noise * np.random.default_rng([split_seed, 9]).normal(size=n_rows)))
    return pd.DataFrame({"row": row, "label": label, "probability": probability, "user": row % n_users})


test_rows.__test__ = False


class Table:
    """A ledger and the points of a table, filled run by run."""

    def __init__(self, folder):
        self.ledger = Ledger(folder / "runs")
        self.folder = folder / "results"
        self.folder.mkdir()
        self.points = []

    def add(self, arm, rate, noise, seeds, trained=True, dim=16):
        """Add a point with a run for each (split_seed, seed)."""
        records = []
        for split_seed, seed in seeds:
            run_id = f"{arm}-{rate}-{dim}-{split_seed}-{seed}"
            path = self.ledger.path(run_id)
            path.mkdir(parents=True, exist_ok=True)
            # A seed adds its own noise.
            test_rows(split_seed, noise + 0.05 * seed).to_parquet(path / "scores.parquet")
            config = {"data": {"split_seed": split_seed}, "seed": seed, "sample_seed": None, "weight_seed": None}
            files = {"scores.parquet": file_hash(path / "scores.parquet")}
            uses = ["model", "trainer"] if trained else ["model"]
            data = {"content_hash": f"split {split_seed}"}
            records.append({"id": run_id, "config": config, "data": data, "uses": uses, "files": files})
        columns = made_up_columns(arm, rate, dim)
        self.points.append(Point(arm, columns, records))

    def compare(self, *words, **options):
        return compare_points([Reference(*words, **options)], self.points, self.ledger, [self.folder])


def expected(table, row, other, metric="auc"):
    arm, reference = (
        [pd.read_parquet(table.ledger.path(record["id"]) / "scores.parquet") for record in records]
        for records in (
            sorted(table.points[place].records, key=lambda record: record["config"]["seed"]) for place in (row, other)
        )
    )
    return compare(arm, reference, metric)
