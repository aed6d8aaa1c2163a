"""Figures: every kind has its files, labels, arms and levels, and shows all means."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from cadc.reporting.drawn.figure import write_figure
from cadc.reporting.drawn.palette import Palette
from cadc.reporting.drawn.panels import PANELS
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


def drawn(kind, table, metric="auc"):
    figure, axes = plt.subplots()
    PANELS[kind](axes, table, metric, Palette(table), True)
    plt.close(figure)
    return axes


@pytest.mark.parametrize("kind", ["rate", "time", "dim", "bars"])
@pytest.mark.parametrize("datasets", [("ml-1m",), ("ml-1m", "epinions")], ids=len)
@pytest.mark.parametrize("n_seeds", [1, 2])
def test_a_figure_has_its_files_a_panel_for_each_metric_and_data_set_and_one_legend(kind, datasets, n_seeds, tmp_path):
    table = table_of(datasets, dims=(8, 16), n_seeds=n_seeds)
    write_figure(kind, "A title & more", table, tmp_path)
    svg = (tmp_path / "figure.svg").read_text()
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert "A title &amp; more" in svg
    for text in ("test AUC", "test logloss", *datasets, *ARMS, "MF alone"):
        assert text in svg, text
    assert svg.count('id="axes_') == 2 * len(datasets)
    assert svg.count('id="legend_') == 1


def test_the_same_bytes_are_written_again(tmp_path):
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        write_figure("time", "A title", table_of(), tmp_path / place)
    for name in ("figure.svg", "figure.png"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_rates_are_percent_on_a_log_axis_and_controls_are_levels():
    axes = drawn("rate", table_of())
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("training rows kept (%)", "test AUC")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "10", "50"]
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["random", "mf frozen", "full data (0.7210)", "MF alone (0.6800)"]


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
    assert axes.get_xlabel() == "total seconds, factorisation included\non made-up processor with 1 thread"
    assert sorted({text.get_text() for text in axes.texts}) == ["10 %", "100 %", "2 %", "50 %"]


def test_time_says_where_seconds_of_several_processors_do_not_compare():
    elsewhere = record("seed=1", environment={"cpu": "another processor", "threads": 1})
    axes = drawn("time", build_table([("a", record("seed=0")), ("a", elsewhere)], ["auc"]))
    assert axes.get_xlabel().endswith("not comparable, see the table")


def test_sizes_have_a_line_for_each_arm_and_rate():
    axes = drawn("dim", table_of(dims=(8, 16), rates=(0.1, 0.5)))
    assert axes.get_xlabel() == "embedding dimension d"
    labels = axes.get_legend_handles_labels()[1]
    assert labels == [
        "full data",
        "random, 10 %",
        "random, 50 %",
        "mf frozen, 10 %",
        "mf frozen, 50 %",
        "MF alone (0.6800)",
    ]


def test_a_hopeless_arm_stands_at_the_edge_with_its_value():
    runs = [(f"arm {n}", record(f"sampler.rate=0.{n + 1}", metrics={"auc": 0.7 + 0.01 * n})) for n in range(8)]
    axes = drawn("bars", build_table([*runs, ("lost", record("model=factorization", metrics={"auc": 0.2}))], ["auc"]))
    assert [text.get_text() for text in axes.texts] == ["0.2"]
    assert axes.get_xlim()[0] > 0.5
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [f"arm {n}" for n in range(8)] + ["lost"]


def test_a_hopeless_control_does_not_flatten_the_lines():
    rows = [
        (arm, record(f"sampler.rate={rate}", metrics={"auc": 0.7 + 0.1 * rate})) for arm in "ab" for rate in (0.1, 1)
    ]
    poor = ("label mean", record("model=factorization", metrics={"auc": 0.5}))
    good = ("MF alone", record("model=factorization", "seed=1", metrics={"auc": 0.81}))
    axes = drawn("rate", build_table([*rows, poor, good], ["auc"]))
    assert axes.get_ylim()[0] > 0.6
    assert axes.get_ylim()[1] > 0.81
    labels = axes.get_legend_handles_labels()[1]
    assert labels[-2:] == ["label mean (0.5000) (off the panel)", "MF alone (0.8100)"]
