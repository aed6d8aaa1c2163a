"""Figures: every kind has its files, labels, arms and levels, and shows all means."""

import itertools
import re
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from cadc.reporting.drawn.difference_panel import drawn_differences
from cadc.reporting.drawn.figure import draw_figure, write_figure
from cadc.reporting.drawn.palette import style_of
from cadc.reporting.drawn.style import SMALL, STYLE
from cadc.reporting.table import build_table
from tests.reporting.made_up import record

ARMS = {
    "full data": ["sampler.rate=1"],
    "random": ["initializer=random"],
    "mf frozen": ["initializer=mf", "initializer.freeze=true"],
}


def table_of(datasets=("ml-1m",), rates=(0.02, 0.1, 0.5), metrics=("auc", "logloss"), dims=(16,), n_seeds=2):
    runs = []
    for data in datasets:
        for number, (arm, words) in enumerate(ARMS.items()):
            for rate in rates if number else (1,):
                for dim in dims:
                    for seed in range(n_seeds):
                        value = 0.6 + 0.05 * number + 0.1 * rate + 0.01 * seed + 0.001 * dim
                        own = [f"data={data}", *words, f"sampler.rate={rate}", f"embedding.dim={dim}", f"seed={seed}"]
                        found = dict.fromkeys(metrics, value) | {"logloss": 1 - value}
                        runs.append((arm, record(*own, metrics=found, cost={"total_s": 10 * rate + number + 0.1})))
        runs.append(("MF alone", record(f"data={data}", "model=factorization", metrics=dict.fromkeys(metrics, 0.68))))
    return build_table(runs, metrics)


def laid_out(kind, table, differences=None):
    """Return a figure after its layout; a warning of it is an error."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw_figure(kind, "A title", table, differences)
        FigureCanvasAgg(figure).draw()
    return figure


def texts_of(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def shown(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in texts_of(figure))


def drawn(kind, table):
    return laid_out(kind, table).axes[0]


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def check_print(figure):
    """Check what every figure keeps: letters of 7 points, nothing cut off, no line twice in the legend."""
    assert len(figure.legends) == 1
    assert len(set(legend_of(figure))) == len(legend_of(figure))
    whole = figure.bbox
    beyond = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [(tick.get_loc(), label) for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)]
            beyond += [label for place, label in ticks if not low <= place <= high]
            boxes = [
                label.get_window_extent()
                for _, label in ticks
                if label.get_visible() and label.get_text() and label not in beyond
            ]
            assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes)), ticks
    for text in texts_of(figure):
        assert text.get_fontsize() >= SMALL, text
        if text not in beyond:
            box = text.get_window_extent()
            assert box.x0 >= whole.x0 - 1 and box.x1 <= whole.x1 + 1, text
            assert box.y0 >= whole.y0 - 1 and box.y1 <= whole.y1 + 1, text


KINDS = ["rate", "time", "dim", "bars", "bytes", "heat"]


def with_bytes(table):
    """Return a table with schemes, ratios and bytes, whose arms all have lines."""
    schemes = ["hashing", "qr", "full"]
    table = table.copy()
    table["embedding"] = [schemes[n % 3] for n in range(len(table))]
    table["ratio"] = [(4.0, 16.0, np.nan)[n % 3] for n in range(len(table))]
    table["embedding_bytes"] = [5000 * 4 ** (n % 3) for n in range(len(table))]
    return table


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("datasets", "n_seeds"), [(("ml-1m",), 1), (("ml-1m", "epinions", "movietweetings"), 3)])
def test_a_figure_can_be_printed(kind, datasets, n_seeds):
    table = table_of(datasets, dims=(8, 16), n_seeds=n_seeds)
    figure = laid_out(kind, with_bytes(table) if kind in ("bytes", "heat") else table)
    check_print(figure)
    assert figure.get_size_inches()[0] <= 7
    note = figure.legends[0].get_title().get_text().replace("\n", " ")
    assert note.startswith("One seed each" if n_seeds == 1 else "Means over 3 seeds")
    if n_seeds > 1 and kind != "heat":
        assert "95 % t intervals" in note


@pytest.mark.parametrize("kind", ["rate", "time", "dim", "bars"])
def test_a_figure_has_its_files_a_panel_for_each_metric_and_data_set_and_one_legend(kind, tmp_path):
    datasets = ("ml-1m", "epinions")
    write_figure(kind, "A title & more", table_of(datasets, dims=(8, 16)), tmp_path)
    svg = (tmp_path / "figure.svg").read_text()
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert "A title &amp; more" in svg
    for text in ("test AUC", "test logloss", *datasets, *ARMS, "MF alone"):
        assert text in svg, text
    assert svg.count('id="axes_') == 2 * len(datasets)
    assert svg.count('id="legend_') == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_are_written_again(kind, tmp_path):
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        write_figure(kind, "A title", with_bytes(table_of()), tmp_path / place)
    for name in ("figure.svg", "figure.png"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_values_and_missing_cells_are_drawn(kind):
    table = with_bytes(table_of(n_seeds=1))
    table["auc_mean"] = 0.7
    table.loc[table.index[:2], ["auc_mean", "logloss_mean"]] = np.nan
    table.loc[table.index[3], "auc_mean"] = np.nan
    check_print(laid_out(kind, table))


@pytest.mark.parametrize("kind", ["rate", "time", "bars"])
def test_twenty_long_names_do_not_overlap(kind):
    names = [f"arm {n} of many words, with the formula $it^{n}$" for n in range(20)]
    runs = [
        (name, record(f"seed={seed}", f"sampler.rate={rate}", metrics={"auc": 0.7 + n / 100 + seed / 1000}))
        for n, name in enumerate(names)
        for seed in (0, 1)
        for rate in (0.1, 0.5)
    ]
    figure = laid_out(kind, build_table(runs, ["auc"]))
    check_print(figure)
    boxes = [text.get_window_extent() for text in figure.legends[0].get_texts()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    # A dollar is one, never the beginning of a formula.
    assert all(rf"formula \$it^{n}\$" in shown(figure) for n in range(20))


def test_a_dollar_at_the_end_of_a_line_begins_no_formula():
    names = [f"{'x' * n}$a$ {'y' * 40}$b$" for n in range(30, 34)]
    runs = [(name, record(f"seed={n}", metrics={"auc": 0.7 + n / 100})) for n, name in enumerate(names)]
    figure = laid_out("bars", build_table(runs, ["auc"]))
    for label in figure.axes[0].get_yticklabels():
        assert not re.search(r"(?<!\\)\$", label.get_text())


def test_arms_differ_by_marker_and_by_a_colour_that_all_readers_tell_apart():
    styles = [style_of(n) for n in range(70)]
    assert len({(style["color"], style["marker"]) for style in styles}) == 70
    assert len({style["marker"] for style in styles[:10]}) == 10
    axes = drawn("rate", table_of())
    lines = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    assert [to_hex(line.get_color()).upper() for line in lines] == ["#0072B2", "#E69F00"]


def test_rates_are_percent_on_a_log_axis_and_controls_are_levels():
    figure = laid_out("rate", table_of())
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("training rows kept (%)", "test AUC")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "10", "50"]
    assert legend_of(figure) == ["random", "mf frozen", "full data", "MF alone"]


def test_bands_are_the_intervals_and_every_mean_is_inside_the_panel():
    table = table_of()
    axes = drawn("rate", table)
    band = axes.collections[0].get_paths()[0].vertices
    row = table[(table["arm"] == "random") & (table["rate"] == 0.1)].iloc[0]
    at = band[np.isclose(band[:, 0], 10), 1]
    assert (at.min(), at.max()) == pytest.approx((row["auc_mean"] - row["auc_ci"], row["auc_mean"] + row["auc_ci"]))
    low, high = axes.get_ylim()
    assert low < table["auc_mean"].min() < table["auc_mean"].max() < high


def test_time_shows_seconds_in_all_and_the_rate_of_each_point():
    axes = drawn("time", table_of())
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel().replace("\n", " ") == (
        "total seconds, factorisation included on made-up processor with 1 thread"
    )
    assert sorted({text.get_text() for text in axes.texts}) == ["10 %", "100 %", "2 %", "50 %"]


def test_labels_of_points_lie_apart():
    figure = laid_out("time", table_of())
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_time_says_where_seconds_of_several_processors_do_not_compare():
    elsewhere = record("seed=1", environment={"cpu": "another processor", "threads": 1})
    axes = drawn("time", build_table([("a", record("seed=0")), ("a", elsewhere)], ["auc"]))
    assert axes.get_xlabel().endswith("not comparable, see the table")


def test_sizes_have_a_line_for_each_arm_and_rate():
    figure = laid_out("dim", table_of(dims=(8, 16), rates=(0.1, 0.5)))
    assert figure.axes[0].get_xlabel() == "embedding dimension d"
    assert sorted(legend_of(figure)) == sorted(
        ["full data", "random, 10 %", "random, 50 %", "mf frozen, 10 %", "mf frozen, 50 %", "MF alone"]
    )


def test_a_hopeless_arm_is_an_arrow_at_the_edge_with_its_value():
    runs = [(f"arm {n}", record(f"sampler.rate=0.{n + 1}", metrics={"auc": 0.7 + 0.01 * n})) for n in range(8)]
    axes = drawn("bars", build_table([*runs, ("lost", record("model=factorization", metrics={"auc": 0.2}))], ["auc"]))
    (arrow,) = axes.texts
    assert (arrow.get_text(), arrow.xy[0], arrow.arrow_patch is not None) == ("0.2", 0.0, True)
    assert axes.get_xlim()[0] > 0.5
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [f"arm {n}" for n in range(8)] + ["lost"]


def test_an_interval_much_wider_than_the_means_ends_in_arrows():
    aucs = {"a": (0.70, 0.70), "b": (0.705, 0.705), "c": (0.71, 0.71), "wide": (0.6, 0.8)}
    runs = [
        (arm, record(f"seed={seed}", metrics={"auc": value}))
        for arm, both in aucs.items()
        for seed, value in enumerate(both)
    ]
    axes = drawn("bars", build_table(runs, ["auc"]))
    low, high = axes.get_xlim()
    assert high - low < 0.1
    assert sorted(line.get_marker() for line in axes.lines if line.get_marker() in "<>") == ["<", ">"]


def test_a_hopeless_control_is_named_at_the_edge_and_does_not_flatten_the_lines():
    rows = [
        (arm, record(f"sampler.rate={rate}", metrics={"auc": 0.7 + 0.1 * rate})) for arm in "ab" for rate in (0.1, 1)
    ]
    poor = ("label mean", record("model=factorization", metrics={"auc": 0.5}))
    good = ("MF alone", record("model=factorization", "seed=1", metrics={"auc": 0.81}))
    figure = laid_out("rate", build_table([*rows, poor, good], ["auc"]))
    axes = figure.axes[0]
    assert axes.get_ylim()[0] > 0.6
    assert axes.get_ylim()[1] > 0.81
    assert [text.get_text() for text in axes.texts] == ["↓ label mean 0.5"]
    assert legend_of(figure)[-2:] == ["label mean", "MF alone"]


def differences(**columns):
    lines = [
        {
            "family": f"{metric} to full data",
            "dataset": dataset,
            "arm": arm,
            "rate": rate,
            "metric": metric,
            "margin": 0.002,
            "reference": "full data",
            "seeds": 3,
            "difference": value,
            "low": value - 0.001,
            "high": value + 0.001,
            "low_95": value - 0.0005,
            "high_95": value + 0.0005,
            "verdict": verdict,
        }
        for metric in ("auc", "logloss")
        for dataset in ("ml-1m", "epinions")
        for arm, rate, value, verdict in (
            ("few rows", 0.02, 0.004, "better"),
            ("few rows", 0.1, 0.0005, "undecided"),
            ("random", 0.02, -0.2, "worse"),
        )
    ]
    return pd.DataFrame(lines).assign(**columns)


def test_differences_stand_beside_the_margin_and_far_ones_are_arrows():
    figure = laid_out("differences", table_of(), differences())
    check_print(figure)
    axes = figure.axes[0]
    assert axes.get_xlabel() == "AUC minus that of full data\nworse ← → better"
    assert figure.axes[2].get_xlabel() == "logloss minus that of full data\nbetter ← → worse"
    band = next(patch for patch in axes.patches if patch.get_x() == -0.002)
    assert band.get_width() == pytest.approx(0.004)
    assert [text.get_text() for text in axes.texts] == ["\N{MINUS SIGN}0.2"]
    assert axes.get_xlim()[0] > -0.1
    marks = [line for line in axes.lines if line.get_marker() in "os" and len(line.get_xdata()) == 1]
    hollow = {float(line.get_xdata()[0]): line.get_markerfacecolor() == "white" for line in marks}
    assert hollow == {0.004: False, 0.0005: True}
    assert legend_of(figure) == ["rate 2 %", "rate 10 %"]
    assert "(3 seeds)" in figure.legends[0].get_title().get_text()


def test_differences_to_some_references_only_and_bars_where_there_are_none():
    found = differences(reference=["full data"] * 6 + ["FM"] * 6)
    assert set(drawn_differences(found, ["FM"])["reference"]) == {"FM"}
    assert len(drawn_differences(found.assign(difference=np.nan))) == 0
    axes = laid_out("differences", table_of(), found.iloc[:0]).axes[0]
    assert axes.get_xlabel() == "test AUC"
