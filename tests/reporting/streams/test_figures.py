"""Figures of streams."""

import numpy as np
import pytest

from cadc.pipeline.settings import Settings
from cadc.reporting.drawn.figure import draw_figure
from cadc.reporting.drawn.panels import STREAM_KINDS
from cadc.reporting.missing import without_result
from cadc.reporting.streams.by_segment import segments_table, sizes_table
from cadc.reporting.streams.drawn import stream_tables
from cadc.reporting.table import table_of
from tests.reporting.streams.made_up import points_of, stream


@pytest.fixture(scope="module")
def rows():
    generator, found = np.random.default_rng(0), []
    for policy in ("equal", "frequency"):
        for mean_size in (4, 8):
            for seed in range(2):
                values = (0.6 + 0.2 * generator.random(4)).tolist()
                sizes = {side: {"frequency": [1.0, 9.0, 80.0], "size": [1.0, 4.0, 16.0]} for side in ("user", "item")}
                parts = {"bytes": [1024 * mean_size] * 4, "reservoir_bytes": [9, 18, 27, 36], "sizes": [sizes] * 4}
                found.append((policy, stream(policy, values, seed, mean_size, **parts)))
    return points_of(*found)


@pytest.fixture(scope="module")
def streams(rows):
    return stream_tables(segments_table(rows, ["segments/auc", "segments/logloss"]), sizes_table(rows))


def test_there_is_a_figure_of_each_kind(streams):
    assert set(streams) == set(STREAM_KINDS) - {"split"}


def test_quality_is_drawn_by_segment_at_one_mean_size(rows, streams):
    figure = draw_figure("segments", "A title", table_of(rows), streams=streams)
    assert [axes.get_ylabel() for axes in figure.axes] == ["test AUC", "test logloss"]
    first = figure.axes[0].lines[0]
    assert first.get_label() == "equal"
    assert first.get_xdata().tolist() == [1, 2, 3, 4]
    shown = [point for point in rows if point.columns["mean_size"] == 4 and point.arm == "equal"]
    expected = np.mean([[own["metrics"]["test/auc"] for own in run["segments"]] for run in shown[0].records], axis=0)
    assert first.get_ydata() == pytest.approx(expected, abs=1e-6)
    assert "Rows have 4 numbers on average" in figure.legends[0].get_title().get_text().replace("\n", " ")


def test_bytes_have_a_line_for_each_mean_size(rows, streams):
    figure = draw_figure("held", "A title", table_of(rows), streams=streams)
    tables = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert tables == {"mean size 4": [4.0] * 4, "mean size 8": [8.0] * 4}


def test_sizes_are_drawn_over_frequencies_for_users_and_items(rows, streams):
    figure = draw_figure("sizes", "A title", table_of(rows), streams=streams)
    assert [axes.get_title().rpartition(", ")[2] for axes in figure.axes] == ["users", "items"]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1.0, 9.0, 80.0]
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


def test_quality_is_drawn_over_the_share_of_the_budget_for_rows_of_the_log():
    shares = {0.0: 0.6, 0.25: 0.7, 0.5: 0.65}
    runs = [
        (
            "frequency",
            stream("frequency", [value, value + 0.1], words=("stream.budget=4000", f"stream.rows_share={share}")),
        )
        for share, value in shares.items()
    ]
    rows = points_of(*runs)
    table = table_of(rows, ["segments/auc"])
    tables = stream_tables(segments_table(rows, ["segments/auc"]), sizes_table(rows), table)
    (axes,) = draw_figure("split", "A title", table, streams=tables).axes
    assert axes.lines[0].get_xdata().tolist() == [0, 25, 50]
    assert axes.lines[0].get_ydata() == pytest.approx([value + 0.05 for value in shares.values()])


def test_shares_of_the_budget_without_a_result_are_not_drawn():
    words = ("stream.budget=4000", "stream.rows_share=0.5")
    rows = points_of(("frequency", stream("frequency", [0.6, 0.7], words=words)))
    settings = Settings.compose(["data=drifting", "policy=frequency", words[0], "stream.rows_share=0"])
    missing = points_of(("frequency", without_result(settings, "left")))
    table = table_of([*rows, *missing], ["segments/auc"])
    assert set(table["rows_share"].dropna()) == {0.0, 0.5}
    assert "split" not in stream_tables(segments_table(rows, ["segments/auc"]), sizes_table(rows), table)


@pytest.mark.parametrize("kind", STREAM_KINDS)
def test_a_table_without_streams_is_drawn_as_bars(rows, kind):
    figure = draw_figure(kind, "A title", table_of(rows, ["segments/auc"]))
    assert figure.axes[0].get_xlabel() == "segment AUC"
