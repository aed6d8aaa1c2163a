"""`cadc.plot` draws means over seeds and their intervals."""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cadc


@pytest.fixture
def frame():
    rows = [
        {
            "id": f"{rate}{model}{seed}",
            "sampler.rate": rate,
            "model": model,
            "seed": seed,
            "test/auc": auc + 0.01 * seed,
        }
        for rate, auc in ((0.01, 0.6), (0.1, 0.7), (1.0, 0.75))
        for model in ("dlrm", "two_tower")
        for seed in (0, 1, 2)
    ]
    return pd.DataFrame(rows).assign(status="finished", seconds=1.0)


def test_lines_are_means_and_bands_are_t_intervals(frame):
    (axes,) = cadc.plot(frame[frame["model"] == "dlrm"]).axes
    (line,), (band,) = axes.lines, axes.collections
    np.testing.assert_allclose(line.get_xdata(orig=False), [0.01, 0.1, 1])
    np.testing.assert_allclose(line.get_ydata(orig=False), [0.61, 0.71, 0.76])
    half = stats.t.ppf(0.975, 2) * np.std([0, 0.01, 0.02], ddof=1) / np.sqrt(3)
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(0.61 - half)
    assert heights.max() == pytest.approx(0.76 + half)
    assert axes.get_xscale() == "log"


def test_keys_in_which_runs_differ_tell_lines_apart(frame):
    figure = cadc.plot(frame)
    assert [line.get_label() for line in figure.axes[0].lines] == ["dlrm", "two_tower"]
    assert figure.legends
    assert len(cadc.plot(frame, by=[]).axes[0].lines) == 1


def test_texts_are_places_on_the_axis(frame):
    (axes,) = cadc.plot(frame, x="model", by="sampler.rate").axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["dlrm", "two_tower"]
    assert len(axes.containers) == 3


def test_runs_without_a_result_are_left_out(frame):
    frame.loc[frame["sampler.rate"] == 1, "test/auc"] = None
    line = cadc.plot(frame, by=[]).axes[0].lines[0]
    assert list(line.get_xdata()) == [0.01, 0.1]


def test_runs_without_the_key_of_the_axis_are_levels(frame):
    control = pd.DataFrame({"model": ["bias"] * 3, "seed": [0, 1, 2], "test/auc": [0.5, 0.6, 0.7]})
    (axes,) = cadc.plot(pd.concat([frame, control])).axes
    (level,) = (line for line in axes.lines if line.get_label() == "bias")
    assert list(level.get_ydata(orig=False)) == pytest.approx([0.6, 0.6])
    bottom, top = axes.get_ylim()
    assert bottom < 0.6 < top


@pytest.mark.parametrize("columns", [{"x": "rate"}, {"y": "auc"}, {"by": "arm"}, {"y": "id"}, {"x": "data.split_seed"}])
def test_a_column_that_cannot_be_drawn_is_named(frame, columns):
    frame["data.split_seed"] = None
    with pytest.raises(cadc.UsageError, match=next(iter(columns.values()))):
        cadc.plot(frame, **columns)


def test_a_sweep_is_drawn_as_it_comes_and_a_notebook_shows_it(swept):
    figure = cadc.plot(swept)
    assert figure.axes[0].get_ylabel() == "test/auc"
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_drawing_leaves_the_backend_and_pyplot_alone(frame, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with mpl.rc_context({"backend": "svg"}):
        cadc.plot(frame)._repr_png_()
        assert mpl.rcParams["backend"] == "svg"
    package = Path(cadc.__file__).parent
    sources = [path.read_text() for room in ("api", "reporting") for path in (package / room).glob("*.py")]
    assert not any("import pyplot" in text or "mpl.use(" in text for text in sources)


def test_a_column_without_any_number_is_the_one_that_is_named(frame):
    with pytest.raises(cadc.UsageError, match="'test/auc'"):
        cadc.plot(frame.assign(**{"test/auc": float("nan")}))


def test_a_facet_is_a_panel_and_panels_share_colours_and_limits(frame):
    figure = cadc.plot(frame, facet="model", by=[])
    assert [axes.get_title() for axes in figure.axes] == ["model = dlrm", "model = two_tower"]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert len({axes.lines[0].get_color() for axes in figure.axes}) == 1


def test_a_note_says_what_is_averaged(frame):
    def note(**how):
        return cadc.plot(frame, **how).legends[0].get_title().get_text().replace("\n", " ")

    assert note() == "Means over 3 seeds; bands and bars are 95 % t intervals of the mean. Lines differ in model."
    assert note(by=[]).startswith("Means over 6 runs, which also differ in model;")
    only = frame[frame["seed"] == 0]
    assert cadc.plot(only).legends[0].get_title().get_text().startswith("One run each: no intervals.")


def test_costs_that_span_a_decade_have_a_log_axis_and_metrics_never(frame):
    frame["train_s (s)"] = frame["sampler.rate"] * 100
    assert cadc.plot(frame, y="train_s (s)").axes[0].get_yscale() == "log"
    frame["test/auc"] *= frame["sampler.rate"]
    assert cadc.plot(frame).axes[0].get_yscale() == "linear"
