"""Figures of others in a table: where they stand, how they differ, and whose they are."""

import pandas as pd
import pytest

from cadc.errors import UsageError
from cadc.experiment import load_experiment
from cadc.experiment.published import Published, read_published
from cadc.reporting.points import points
from cadc.reporting.published import add_published
from cadc.reporting.table import build_table
from cadc.reporting.written.latex import latex
from cadc.reporting.written.markdown import markdown_table
from cadc.reporting.written.terminal import print_table
from tests.reporting.made_up import record

FIGURES = (
    Published("synthetic", "auc", 0.7612, "Doe 2020", arm="full data", method="DLRM"),
    Published("synthetic", "auc", 0.7, "Doe 2020", arm="biases"),
    Published("synthetic", "logloss", 0.52, "Roe 2021", arm="full data"),
    Published("synthetic", "auc", 0.777, "Roe 2021", method="DCN"),
    Published("ml-1m", "auc", 0.9, "Roe 2021", arm="full data"),
)
RUNS = [
    ("full data", record("sampler.rate=1")),
    ("full data", record("sampler.rate=0.1")),
    ("biases", record("model=bias", metrics={"auc": 0.6875, "logloss": 0.6})),
    ("mf", record("initializer=mf")),
]


@pytest.fixture(scope="module")
def table():
    return add_published(build_table(RUNS), FIGURES, points(RUNS))


def test_figures_stand_behind_their_metric_and_beside_runs_of_all_rows_alone(table):
    columns = list(table.columns)
    place = columns.index("auc_ci")
    assert columns[place + 1 : place + 3] == ["auc_published", "auc_difference to published"]
    assert columns.index("logloss_published") == columns.index("logloss_ci") + 1
    nan = float("nan")
    assert table["auc_published"].tolist() == pytest.approx([0.7612, nan, 0.7, nan], nan_ok=True)
    assert table["auc_difference to published"].tolist() == pytest.approx([-0.0112, nan, -0.0125, nan], nan_ok=True)
    assert table["logloss_published"].tolist() == pytest.approx([0.52, nan, nan, nan], nan_ok=True)


def test_the_note_names_sources_and_methods_that_are_not_run(table):
    assert table.attrs["note"].splitlines()[-2:] == [
        "Published figures of synthetic, Doe 2020: DLRM, biases.",
        "Published figures of synthetic, Roe 2021: full data; beside the arms, DCN AUC 0.7770.",
    ]


def test_printed_tables_show_them_like_metrics_and_differences(table, capsys):
    for text in (markdown_table(table), latex(table)):
        assert "0.7000" in text
        assert "-0.0112" in text
    print_table("Figures of others", table, wide=True)
    printed = capsys.readouterr().out
    assert "published" in printed
    assert "-0.0125" in printed
    assert "Roe 2021" in printed


def test_a_table_of_other_data_sets_stays_as_it_is():
    plain = build_table(RUNS)
    pd.testing.assert_frame_equal(add_published(plain, FIGURES[-1:], points(RUNS)), plain)


WRONG = [
    ({"data": "x"}, r"published is \{'data': 'x'\}; expected a list"),
    ([{"data": "x", "metric": "auc", "value": 0.5}], r"published\[0\] is .*; expected data, metric, value, source"),
    ([{"data": "x", "metric": "auc", "value": 0.5, "source": "y"}], r"names neither arm nor method"),
    (
        [{"data": "x", "metric": "auc", "value": 0.5, "source": "y", "arm": "z"}],
        r"'z' is not an arm; choose one of a, b",
    ),
    ([{"data": "x", "metric": "acu", "value": 0.5, "source": "y", "arm": "a"}], r"there is no metric 'acu'"),
    ([{"data": "x", "metric": "auc", "value": "high", "source": "y", "arm": "a"}], r"published\[0\].value"),
    ([{"data": "x", "metric": "auc", "value": 0.5, "source": "y", "arm": "a"}] * 2, r"x, a, auc has two figures"),
]


@pytest.mark.parametrize(("node", "message"), WRONG)
def test_a_wrong_entry_is_named(node, message):
    with pytest.raises(UsageError, match=message):
        read_published(node, ["a", "b"], "experiment.yaml: published")


def test_an_experiment_lists_them(tmp_path):
    (tmp_path / "experiment.yaml").write_text(
        "title: mine\nseeds: [0]\narms:\n  a: [model=bias]\n"
        "published: [{data: x, arm: a, metric: auc, value: 0.5, source: Doe}]\n"
    )
    assert load_experiment(str(tmp_path)).published == (Published("x", "auc", 0.5, "Doe", "a"),)
