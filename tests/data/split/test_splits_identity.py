"""Where the parts of a log end is part of what it is."""

import numpy as np

from cadc.ledger.identity import run_identity
from cadc.pipeline.build import open_log
from cadc.pipeline.settings import Settings


def test_other_shares_of_a_log_in_the_order_of_time_are_other_runs(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{rng.integers(9)},{rng.integers(9)},{rng.integers(2)},{time}" for time in range(600)]
    (tmp_path / "log.csv").write_text("user,item,label,time\n" + "\n".join(lines) + "\n")
    words = ["data=table", f"data.path={tmp_path / 'log.csv'}", "data.user=user", "data.item=item"]
    words += ["data.label=label", "data.time=time", "data/split=global_time"]
    ids = set()
    for validation, test in ((0.1, 0.1), (0.05, 0.15)):
        shares = [f"data.split.validation={validation}", f"data.split.test={test}"]
        settings = Settings.compose([*words, *shares])
        log = open_log(settings)
        assert log.n_rows("train") == 480
        ids.add(run_identity(settings, log)[0])
    assert len(ids) == 2
