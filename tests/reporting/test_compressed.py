"""Tables and figures of compressed runs: ratios tell points apart, what a scheme cannot reach is n/a."""

import pytest

from cadc.experiment import Reference
from cadc.reporting.drawn.figure import draw_figure, write_figure
from cadc.reporting.pairs import counterpart, pairs
from cadc.reporting.points import names_of, points
from cadc.reporting.table import build_table
from cadc.reporting.written.latex import latex
from cadc.reporting.written.markdown import markdown_table
from cadc.reporting.written.terminal import print_table
from tests.reporting.made_up import record

COLUMNS = [
    "compressed_ratio",
    "ratio_without_index",
    "model_ratio",
    "compressed_bytes",
    "index_bytes",
    "lookup_ns",
    "psnr",
]
QUALITY = {"hashing": 0.75, "full": 0.8}
TABLES = {
    "bytes": 41616,
    "ratio": 16.01234,
    "ratio_without_index": 20.0,
    "index_bytes": 8000,
    "ratio_model": 13.0,
    "psnr": None,
    "lookup_ns": 10.65432,
}


def compressed(arm, embedding, ratio, seed=0, rate=0.1, initializer="random"):
    words = [f"embedding={embedding}", f"seed={seed}", f"data.split_seed={seed}", f"sampler.rate={rate}"]
    words += [f"initializer={initializer}", *([] if ratio is None else [f"embedding.ratio={ratio}"])]
    value = QUALITY[embedding] - 0.001 * (ratio or 0) + 0.01 * seed + 0.1 * rate + 0.02 * (initializer == "mf_bias")
    return arm, record(*words, metrics={"auc": value, "logloss": 1 - value}, tables={} if ratio is None else TABLES)


def unreachable(arm, embedding, ratio, **others):
    arm, found = compressed(arm, embedding, ratio, **others)
    parts = {"unreachable": True, "reason": "too small", "metrics": {}, "cost": {"total_s": 0.0}}
    return arm, found | parts | {"rows": {"kept": None}, "bytes": {"embedding": None, "optimizer": None}, "tables": {}}


def grid():
    runs = []
    for seed in (0, 1):
        runs.append(compressed("full table", "full", None, seed, rate=1))
        for arm, initializer in (("10 %", "random"), ("10 % enriched", "mf_bias")):
            runs += [compressed(arm, "hashing", ratio, seed, initializer=initializer) for ratio in (4, 16)]
            runs.append(unreachable(arm, "hashing", 64, seed=seed, initializer=initializer))
    return runs


def test_ratios_are_a_column_and_names_tell_them():
    table = build_table(grid(), columns=COLUMNS)
    assert table["ratio"].dropna().tolist() == [4, 16, 64] * 2
    assert table["compressed_ratio_mean"].dropna().tolist() == [16.01] * 4
    assert table["lookup_ns_mean"].dropna().tolist() == [10.65] * 4
    assert table["compressed_bytes"].dropna().tolist() == [41616] * 4
    assert table["index_bytes"].dropna().tolist() == [8000] * 4
    assert table["ratio_without_index_mean"].dropna().tolist() == [20.0] * 4
    assert table["psnr_mean"].isna().all()
    assert names_of(points(grid()))[:3] == ["full table", "10 %, 4x", "10 %, 16x"]


def test_a_table_without_ratios_has_no_column_of_them():
    assert "ratio" not in build_table([compressed("full table", "full", None)])


def test_what_no_budget_allows_is_n_a_in_every_form_of_the_table(capsys):
    table = build_table(grid())
    gone = table[table["seeds"] == 0]
    assert gone["ratio"].tolist() == [64, 64]
    assert gone[["auc_mean", "auc_ci", "rows_kept", "total_s_mean", "embedding_bytes"]].isna().all(axis=None)
    lines = [line for line in markdown_table(table).splitlines() if "| 64 |" in line]
    assert [line.count("n/a") for line in lines] == [2, 2]  # AUC and logloss
    assert latex(table).count("n/a") == 4
    print_table("A title", table, wide=True)
    assert capsys.readouterr().out.count("n/a") == 4


def test_a_seed_whose_budget_can_be_met_counts_where_anothers_cannot():
    table = build_table([compressed("10 %", "hashing", 16), unreachable("10 %", "hashing", 16, seed=1)])
    assert table["seeds"].tolist() == [1]
    assert table["auc_mean"].notna().all()


def test_points_meet_the_reference_of_their_own_ratio_and_scheme():
    rows = points([*grid(), *(compressed("10 %", "full", None, seed) for seed in (0, 1))])
    others = [counterpart(Reference("10 %", arms=("10 % enriched",)), row, rows) for row in rows]
    both = [(row, other) for row, other in zip(rows, others, strict=True) if row.arm == "10 % enriched"]
    assert [other.columns["ratio"] for _, other in both] == [row.columns["ratio"] for row, _ in both] == [4, 16, 64]
    to_full = [counterpart(Reference("10 %", embedding="full", arms=("10 %",)), row, rows) for row in rows]
    assert [other and other.columns["embedding"] for other in to_full if other] == ["full"] * 4
    by_ratio = {row.columns["ratio"]: pairs(row, other) for row, other in zip(rows, others, strict=True) if other}
    assert (len(by_ratio[16]), len(by_ratio[64])) == (2, 0)


def test_references_of_embeddings_have_a_name_of_their_own():
    found = Reference("10 %", embedding="hashing", embeddings=("lma",))
    assert found.family == "auc to 10 % with hashing"
    assert (found.concerns("10 %", 0.1, "lma"), found.concerns("10 %", 0.1, "robe")) == (True, False)


@pytest.mark.parametrize("kind", ["bytes", "heat"])
def test_figures_of_schemes_name_them_and_their_levels(kind, tmp_path):
    table = build_table(grid())
    write_figure(kind, "A title", table.assign(front=True, chosen=False) if kind == "heat" else table, tmp_path)
    svg = (tmp_path / "figure.svg").read_text()
    # Two metrics: a panel for each scheme, or arms and front with a colour bar.
    assert svg.count('id="axes_') == (2 if kind == "bytes" else 2 * (3 + 1))
    for text in ("10 % enriched", "hashing", "full table"):
        assert (text in svg) == (kind == "bytes" or text != "full table")


@pytest.mark.parametrize("kind", ["bytes", "heat"])
def test_a_grid_without_ratios_has_a_figure_all_the_same(kind, tmp_path):
    runs = [compressed("full table", "full", None, rate=rate) for rate in (0.1, 1)]
    write_figure(kind, "A title", build_table(runs), tmp_path)
    assert (tmp_path / "figure.png").exists()


def drawn(kind, table):
    return draw_figure(kind, "A title", table).axes[0]


def test_a_panel_is_a_scheme_over_its_bytes_with_lines_of_arms_and_levels_of_full_tables():
    table = build_table(grid())
    table.loc[table["ratio"].notna(), "embedding_bytes"] = (2**20 / table["ratio"].dropna()).astype(int)
    figure = draw_figure("bytes", "A title", table)
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "tables (KiB)")
    assert axes.get_title() == "hashing"
    names = axes.get_legend_handles_labels()[1]
    assert {"10 %", "10 % enriched", "full table"} <= set(names)
    assert sorted(container.lines[0].get_xdata()[0] for container in axes.containers) == pytest.approx([64, 64])
    assert axes.get_ylim()[0] < 0.74 < axes.get_ylim()[1] < 0.9
    assert [text.get_text() for text in axes.texts] == ["↑ full table 0.905"]


def test_a_cell_is_a_rate_and_a_ratio_and_says_its_value():
    runs = [compressed("few", "hashing", ratio, rate=rate) for ratio in (4, 16) for rate in (0.1, 1)]
    runs += [compressed("few", "full", None, rate=rate) for rate in (0.1, 1)]
    axes = drawn("heat", build_table(runs).assign(front=True, chosen=[True, *5 * [False]]))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "4", "16"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["10", "100"]
    shown = axes.images[0].get_array()
    assert shown[0].tolist() == pytest.approx([0.81, 0.756, 0.744])
    assert {text.get_text() for text in axes.texts} >= {".744", ".810"}
    assert len(axes.lines) == 6  # a dot in each cell of the front
    assert len(axes.patches) == 1
