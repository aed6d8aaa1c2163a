"""The Pareto front against a naive loop, and the choice of the fewest rows and bytes on validation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.experiment import Choosing, Reference
from cadc.ledger import Ledger
from cadc.reporting.pareto import is_non_inferior, pareto_front, smallest
from cadc.reporting.points import points
from cadc.reporting.selection import add_choice, choose, compare_choice
from cadc.reporting.table import build_table
from tests.reporting.made_up import record

NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan")])


def naive_front(values, larger_is_better):
    """Compare every point with every other, objective by objective."""
    found = []
    for mine in values:
        is_on = not np.isnan(mine).any()
        for theirs in values:
            both = zip(mine, theirs, larger_is_better, strict=True)
            signed = [(b - a) if larger else (a - b) for a, b, larger in both]
            if all(step >= 0 for step in signed) and any(step > 0 for step in signed):
                is_on = False
        found.append(is_on)
    return found


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=12), st.tuples(*3 * [st.booleans()]))
def test_the_front_is_that_of_a_naive_loop(values, larger_is_better):
    assert pareto_front(values, larger_is_better).tolist() == naive_front(values, larger_is_better)


def test_non_inferior_is_what_the_lower_bound_over_seeds_says():
    assert is_non_inferior([-0.0010, -0.0011, -0.0009], 0.002)
    assert not is_non_inferior([-0.0021, -0.0020, -0.0019], 0.002)
    assert not is_non_inferior([0.004, -0.004, 0.0], 0.002)  # on average as good, but nobody knows
    assert (is_non_inferior([-0.001], 0.002), is_non_inferior([-0.003], 0.002)) == (True, False)


def test_half_the_rows_are_worth_half_the_bytes_and_the_better_one_wins_a_tie():
    assert smallest([100, 50, 10], [100, 100, 400], [0.8, 0.8, 0.8]) == 2
    assert smallest([100, 50, 25], [25, 50, 100], [0.80, 0.82, 0.81]) == 1


TRUE_GAIN = {1.0: 0.0, 0.1: 0.0005, 0.02: -0.01}
SIZES = {4: 4000, 16: 1000}


def made_up_runs(n_seeds=3, data="ml-1m"):
    """Return runs of full data and of an arm whose quality falls with its rows and, a little, with its bytes."""
    runs = []
    for seed in range(n_seeds):
        words = [f"data={data}", f"seed={seed}", f"data.split_seed={seed}"]
        noise = 0.0001 * (seed - 1)
        full = {"val/auc": 0.8 + 0.01 * seed, "test/auc": 0.5}
        size = {"embedding": 16000, "optimizer": None}
        parts = {"bytes": size, "rows": {"kept": 8000}}
        runs.append(("full data", record(*words, "sampler.rate=1", **parts) | {"metrics": full}))
        for rate, gain in TRUE_GAIN.items():
            for ratio, n_bytes in SIZES.items():
                # The test part says the opposite, which must not matter.
                value = {"val/auc": full["val/auc"] + gain - 0.00001 * ratio + noise, "test/auc": 0.9 - gain}
                own = [*words, f"sampler.rate={rate}", "embedding=hashing", f"embedding.ratio={ratio}"]
                parts = {"bytes": size | {"embedding": n_bytes}, "rows": {"kept": int(8000 * rate)}}
                runs.append(("few", record(*own, **parts) | {"metrics": value}))
    return runs


REFERENCE = Reference("full data", metric="auc", margin=0.002)
HOW = Choosing((REFERENCE,))


def test_the_fewest_rows_and_bytes_that_are_as_good_on_validation_are_chosen():
    runs = made_up_runs()
    rows = points(runs)
    found = choose(HOW, rows)
    place, of_reference = found.chosen["ml-1m"]
    assert rows[of_reference].arm == "full data"
    assert (rows[place].columns["rate"], rows[place].columns["ratio"]) == (0.1, 16)
    best = [
        [np.mean([r["metrics"]["val/auc"] for r in p.records]), r0["rows"]["kept"], r0["bytes"]["embedding"]]
        for p in rows
        for r0 in [p.records[0]]
    ]
    assert found.front == naive_front(best, [True, False, False])
    assert sum(found.front) < len(rows)


def test_the_table_marks_the_front_and_says_what_was_chosen():
    runs = made_up_runs()
    rows, table = points(runs), build_table(runs, ["auc"])
    found = choose(HOW, rows)
    wide = add_choice(table, HOW, found, rows, None)
    assert wide["front"].tolist() == found.front
    chosen = wide[wide["chosen"]]
    assert (chosen["rate"].item(), chosen["ratio"].item()) == (0.1, 16)
    assert "few, 16x at rate 0.1, 10 % of the rows and 1/16 of the bytes" in wide.attrs["note"]


def test_data_sets_are_chosen_for_apart_and_one_without_the_reference_has_no_choice():
    both = [*made_up_runs(), *(run for run in made_up_runs(data="epinions") if run[0] == "few")]
    found = choose(HOW, points(both))
    assert list(found.chosen) == ["ml-1m"]
    n = len(points(made_up_runs()))
    assert any(found.front[n:])


def test_only_the_chosen_point_is_tested(tmp_path, monkeypatch):
    asked = []

    def compare_points(references, rows, *others):
        asked.append((references, [row.columns["ratio"] for row in rows]))
        return pd.DataFrame()

    monkeypatch.setattr("cadc.reporting.selection.compare_points", compare_points)
    rows = points(made_up_runs())
    compare_choice(HOW, choose(HOW, rows), rows, Ledger(tmp_path))
    assert asked == [((REFERENCE,), [16, None])]


def test_where_nothing_smaller_is_as_good_the_reference_stands():
    runs = [(arm, found) for arm, found in made_up_runs() if arm == "full data" or "sampler.rate=0.02" in found["id"]]
    rows = points(runs)
    found = choose(HOW, rows)
    assert [rows[place].arm for place in found.chosen["ml-1m"]] == ["full data", "full data"]
    assert compare_choice(HOW, found, rows, None) is None
    note = add_choice(build_table(runs, ["auc"]), HOW, found, rows, None).attrs["note"]
    assert "full data at rate 1, 100 % of the rows and 1/1 of the bytes; it is the reference itself" in note


@pytest.mark.parametrize("metric", ["logloss"])
def test_a_metric_that_is_better_low_is_chosen_by_the_other_way_round(metric):
    runs = [(arm, run | {"metrics": {f"val/{metric}": 1 - run["metrics"]["val/auc"]}}) for arm, run in made_up_runs()]
    rows = points(runs)
    place, _ = choose(Choosing((Reference("full data", metric=metric, margin=0.002),)), rows).chosen["ml-1m"]
    assert (rows[place].columns["rate"], rows[place].columns["ratio"]) == (0.1, 16)


def test_a_point_must_be_as_good_by_every_metric():
    runs = made_up_runs()
    for arm, run in runs:
        # At a tenth of the rows the logloss gives away what AUC does not.
        loss = 0.5 + (0.01 if arm == "few" and run["config"]["sampler"]["rate"] == 0.1 else 0.0)
        run["metrics"]["val/logloss"] = loss + 0.0001 * run["seed"]
    rows = points(runs)
    both = Choosing((REFERENCE, Reference("full data", metric="logloss", margin=0.002)))
    place, _ = choose(both, rows).chosen["ml-1m"]
    assert (rows[place].columns["rate"], rows[place].columns["ratio"]) == (1.0, 16)
    note = add_choice(build_table(runs, ["auc"]), both, choose(both, rows), rows, None).attrs["note"]
    assert "AUC to full data, margin 0.002 and logloss to full data, margin 0.002" in note


def test_the_bytes_of_the_whole_model_may_count():
    runs = made_up_runs()
    for _, run in runs:
        run["bytes"]["model"] = run["bytes"]["embedding"] + 8000
    rows, how = points(runs), Choosing((REFERENCE,), "model_bytes")
    found = choose(how, rows)
    wide = add_choice(build_table(runs, ["auc"]), how, found, rows, None)
    assert "1/2.67 of the bytes of the whole model" in wide.attrs["note"]  # 24,000 to 9,000
    assert set(wide["model_bytes"]) == {24000, 12000, 9000}
    del runs[0][1]["bytes"]["model"]
    assert sum(size != size for size in choose(how, points(runs)).size) == 0  # another seed tells
