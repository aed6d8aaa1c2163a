"""The table keeps apart what differs and averages what differs in seeds alone."""

import pandas as pd
import pytest

from cadc.configuration.overrides import expand
from cadc.execution.jobs import plan
from cadc.execution.sweep import execute
from cadc.ledger import Ledger
from cadc.pipeline.settings import Settings
from cadc.reporting.table import build_table
from cadc.reporting.written.markdown import markdown_table

SMALL = ["data.n_rows=3000", "data.n_users=60", "data.n_items=80", "trainer.max_epochs=1", "logger=none"]


def table_of(*words):
    jobs = plan(expand([*SMALL, *words]))
    ledger = Ledger()
    assert not execute(jobs, ledger, report=lambda line: None).errors
    return build_table([("random", ledger.record(job.run_id)) for job in jobs])


def test_a_sweep_over_any_key_gives_rows_of_its_own():
    table = table_of("trainer.learning_rate=0.001,0.01", "seed=0,1")
    assert table["arm"].tolist() == [f"random (trainer.learning_rate={rate})" for rate in (0.001, 0.01)]
    assert table["seeds"].tolist() == [2, 2]


def test_sizes_of_the_data_are_told_apart():
    table = table_of("data.n_items=80,90")
    assert [name.partition(" ")[2] for name in table["arm"]] == ["(data.n_items=80)", "(data.n_items=90)"]


def test_every_kind_of_seed_is_averaged_over():
    table = table_of("data.split_seed=0,1", "sample_seed=0,1", "weight_seed=0,1", "sampler.rate=0.5")
    assert table["arm"].tolist() == ["random"]
    assert table["seeds"].tolist() == [8]


def test_one_run_has_no_standard_deviation():
    table = table_of()
    assert table["auc_std"].isna().all()
    assert "| 1 |" in markdown_table(table)
    assert "nan" not in markdown_table(table).lower()


def test_markdown_has_a_cell_for_every_column():
    table = table_of("model=bias,dlrm")
    lines = markdown_table(table).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert pd.isna(table["rate"]).tolist() == [True, False]


@pytest.mark.parametrize("word", ["threads=1", "trainer.progress=false", "trainer.accelerator=cpu", "trainer.fleet=4"])
def test_where_and_how_fast_it_ran_does_not_split_an_arm(word):
    from cadc.ledger.identity import arm_signature

    assert arm_signature(Settings.compose(SMALL)) == arm_signature(Settings.compose([*SMALL, word]))


@pytest.mark.parametrize("word", ["seed=3", "factorization.seed=3", "weight_seed=3"])
def test_runs_of_all_seeds_are_one_arm(word):
    from cadc.ledger.identity import arm_signature

    words = [*SMALL, "initializer=mf"]
    assert arm_signature(Settings.compose(words)) == arm_signature(Settings.compose([*words, word]))
