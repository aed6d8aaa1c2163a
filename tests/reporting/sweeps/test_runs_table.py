"""The table of any runs: arms are named by what differs, and a run without a result is a cell that says so."""

import pytest

from cadc.ledger.status import Entry
from cadc.ledger.store import Ledger
from cadc.pipeline.settings import Settings
from cadc.reporting.missing import without_result
from cadc.reporting.sweeps.arm_names import arm_names
from cadc.reporting.sweeps.runs_table import records_of, runs_table
from cadc.reporting.table import build_table
from cadc.reporting.written.html import html
from cadc.reporting.written.latex import latex
from cadc.reporting.written.markdown import markdown_table
from cadc.reporting.written.terminal import print_table
from tests.reporting.made_up import record


def names(*runs):
    return arm_names([record(*words.split()) for words in runs])


def finished(*words, **parts):
    found = record(*words, code={"hash": "old"}, **parts)
    return Entry(found["id"], "finished", found)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (["seed=0", "seed=1"], ["dlrm", "dlrm"]),
        (["sampler.rate=0.1", "sampler.rate=1"], ["dlrm", "dlrm"]),
        (["initializer=random", "initializer=mf"], ["initializer=random", "initializer=mf"]),
        # The default of a key is told where another run sets it.
        (["model.residual=true", "seed=1"], ["model.residual=true", "model.residual=false"]),
        # Keys that only one of the options has tell nothing more.
        (["model=bias", "seed=0"], ["model=bias", "model=dlrm"]),
        (["embedding.dim=8", "embedding.dim=16"], ["dlrm", "dlrm"]),
        (["trainer.learning_rate=0.1", "trainer.learning_rate=1e-1"], ["dlrm", "dlrm"]),
    ],
)
def test_an_arm_is_named_by_the_overrides_in_which_it_differs(runs, expected):
    assert names(*runs) == expected


def test_long_names_are_shortened_to_last_parts_and_four_digits():
    one, two = (f"model.residual={flag} initializer.std={std} trainer.learning_rate={rate} trainer.patience={patience}"
                for flag, std, rate, patience in (("true", 0.1, 0.00123456, 3), ("false", 0.2, 0.5, 4)))  # fmt: skip
    assert names(one, two) == [
        "residual=true std=0.1 learning_rate=0.001235 patience=3",
        "residual=false std=0.2 learning_rate=0.5 patience=4",
    ]


def test_rates_and_seeds_are_rows_and_means(tmp_path):
    runs = [
        record(f"initializer={start}", f"sampler.rate={rate}", f"seed={seed}")
        for start in ("random", "mf")
        for rate in (0.1, 1)
        for seed in (0, 1)
    ]
    table = runs_table(runs, Ledger(tmp_path))
    assert table["arm"].tolist() == ["initializer=random"] * 2 + ["initializer=mf"] * 2
    assert table["rate"].tolist() == [0.1, 1, 0.1, 1]
    assert table["seeds"].tolist() == [2] * 4
    assert "missing" not in table


@pytest.fixture
def partial():
    good = [("good", record(f"seed={seed}")) for seed in (0, 1)]
    bad = [
        ("bad", without_result(Settings.compose([f"seed={seed}", "model.residual=true"]), "failed")) for seed in (0, 1)
    ]
    half = [("good", without_result(Settings.compose(["seed=2"]), "not run", {"name": "synthetic"}))]
    return build_table([*good, *bad, *half])


def test_cells_of_runs_without_a_result_say_so_in_every_form(partial, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert partial["arm"].tolist() == ["good", "bad"]
    assert partial["seeds"].tolist() == [2, 0]
    assert partial["missing"].tolist() == ["1 not run", "2 failed"]
    assert partial["auc_mean"].isna().tolist() == [False, True]
    assert partial.attrs["note"].startswith("3 of 5 runs have no result: good at 100 %, seed 2 (not run); bad at 100 %")
    print_table("t", partial)
    for text in (capsys.readouterr().out, markdown_table(partial), html("t", partial)):
        assert "1 not run" in text and "failed" in text and "0.7500" in text
    assert latex(partial).count("failed") >= 1


def test_a_table_of_whole_results_has_the_columns_that_it_always_had():
    assert "missing" not in build_table([("good", record())])


def test_names_are_texts_in_html():
    table = build_table([("<script>alert(1)</script>", record()), ("a & b", record("seed=1"))])
    page = html("<b>title</b> \x1b[31m", table)
    assert "<script" not in page and "<b>" not in page and "\x1b" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "a &amp; b" in page


def test_of_several_runs_of_one_configuration_the_latest_counts(capsys):
    entries = [
        finished("seed=0", finished_at=f"2026-01-0{day}T00:00:00+00:00", metrics={"auc": day / 10, "logloss": 0.5})
        for day in (2, 3, 1)
    ]
    (kept,) = records_of(entries)
    assert kept["metrics"]["test/auc"] == 0.3
    assert "2 runs are left out" in capsys.readouterr().err


def test_a_failed_run_counts_unless_the_configuration_has_a_result():
    config = record("seed=0")["config"]
    failed = Entry("x", "failed", {"id": "x", "config": config, "reason": "NaN"})
    other = Entry("y", "running", {"id": "y", "config": record("seed=1")["config"]})
    assert [found.get("missing") for found in records_of([failed, finished("seed=0")])] == [None]
    assert [found.get("missing") for found in records_of([failed, finished("seed=2"), other])] == [
        None,
        "failed",
        "running",
    ]


def test_trials_stand_aside_and_have_a_table_of_their_own(capsys, tmp_path):
    only = finished("evaluate=validation")
    only.known["metrics"] = {"val/auc": 0.6, "val/logloss": 0.6}
    assert [found["id"] for found in records_of([only, finished("seed=1")])] == ["seed=1"]
    assert "1 runs were evaluated on validation alone" in capsys.readouterr().err
    table = runs_table(records_of([only]), Ledger(tmp_path))
    assert table.attrs["metrics"] == ("val/auc", "val/logloss")
    assert table["val/auc_mean"].tolist() == [0.6]


def test_contents_of_one_data_set_are_told_apart(tmp_path):
    def on(content, seed):
        data = {"name": "shop", "content_hash": content, "files": {"a": content}}
        return record(f"seed={seed}", id=f"{content}{seed}", data=data)

    table = runs_table([on("aaaa", 0), on("bbbb", 0), on("aaaa", 1)], Ledger(tmp_path))
    assert table["seeds"].tolist() == [2, 1]
    assert table["dataset"].str.startswith("shop, content ").all()
    assert table["dataset"].nunique() == 2
