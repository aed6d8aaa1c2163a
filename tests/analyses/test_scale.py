"""What a run takes as a log grows: measured in processes of their own, and extrapolated by powers of the rows."""

import pandas as pd
import pytest

from cadc.analyses.scale import Scale, exponent, extrapolated
from cadc.analyses.scale_log import write_log
from cadc.errors import CadcError, UsageError

STAGES = ["generate", "prepare", "read", "sample", "factorise", "initialise", "train", "evaluate"]


def test_each_stage_is_measured_in_a_process_of_its_own(empty_cache):
    found = pd.DataFrame(Scale(rows=[3000, 6000], engine="memory")._measured(3000)).set_index("stage")
    assert [*found.index] == STAGES
    costs = found[["cpu_s", "wall_s", "memory_mb", "resident_mb"]]
    assert (costs >= 0).all().all()
    assert (costs.loc["prepare", "memory_mb"] > 5) and (costs["resident_mb"] > costs["memory_mb"]).all()
    assert found.loc["evaluate", "auc"] > 0.6
    assert not [path for path in empty_cache.iterdir() if path.name.startswith("scale-")], "nothing is left"


def test_the_table_has_each_log_and_the_extrapolated_one(tmp_path, monkeypatch):
    costs = {"cpu_s": 1.0, "wall_s": 1.0, "memory_mb": 1.0, "resident_mb": 1.0, "disk_mb": 0.0}
    monkeypatch.setattr(
        Scale,
        "_measured",
        lambda self, n_rows: [costs | {"stage": "prepare"}, costs | {"stage": "evaluate", "auc": 0.7}],
    )
    table = Scale(rows=[3000, 6000], engine="memory", extrapolated_rows=10**6).run(tmp_path)
    assert table["rows"].tolist() == [3000, 3000, 6000, 6000, 10**6, 10**6]
    assert "1,000,000 is extrapolated by such exponents, not measured" in table.attrs["note"]
    assert {path.name for path in tmp_path.iterdir()} == {"figure.svg", "figure.png"}


def test_costs_grow_by_the_power_between_the_two_largest_logs():
    rows = [10, 100, 1000]
    costs = {"cpu_s": [9.0, 1.0, 10.0], "memory_mb": [1.0, 4.0, 4.0], "disk_mb": [0.0, 0.0, 0.0]}
    measured = pd.DataFrame({"rows": rows, "stage": "prepare", **costs})
    found = extrapolated(measured.assign(wall_s=1.0, resident_mb=1.0, auc=0.5), 10**6).iloc[-1]
    assert (found["cpu_s"], found["memory_mb"], found["exponent"]) == (10_000.0, 4.0, 1.0)
    assert pd.isna(found["disk_mb"]), "of nothing, nothing is known"
    assert found["us_per_row"] == 10_000


def test_a_cost_that_is_not_positive_has_no_exponent():
    assert exponent(pd.Series({"rows": 1, "cpu_s": 0.0}), pd.Series({"rows": 2, "cpu_s": 1.0}), "cpu_s") is None


def test_the_log_has_texts_as_ids_in_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr("cadc.data.sources.synthetic.CHUNK_ROWS", 100)
    write_log(tmp_path, 1000)
    files = sorted(tmp_path.glob("*.parquet"))
    frame = pd.concat(map(pd.read_parquet, files))
    assert (len(files), len(frame)) == (3, 1000)
    assert frame["user"].str.fullmatch(r"user-\d+").all() and frame["user"].nunique() <= 50
    assert sorted(frame["time"]) == list(range(1000))


def test_a_process_that_fails_is_told_of(tmp_path, monkeypatch, empty_cache):
    monkeypatch.setattr("cadc.analyses.scale.sys.executable", "/bin/false")
    with pytest.raises(CadcError, match=r"the run on 2,000 rows ended with status 1 .*needs about 1 GiB of disk"):
        Scale(rows=[2000, 4000], engine="memory").run(tmp_path)


@pytest.mark.parametrize("rows", [[], [5000], [5000, 5000], [6000, 5000], [10, 5000]])
def test_numbers_of_rows_that_are_not_ascending_are_refused(rows):
    with pytest.raises(UsageError, match=r"analysis\.rows is .*expected two or more ascending numbers from 1000 on"):
        Scale(rows=rows)
