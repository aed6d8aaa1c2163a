"""Figures of trials in the space of their options: axes, colours, ranks, options that only some trials have."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial

from cadc.ledger import Ledger
from cadc.tuning.figures.overview import write_figures
from cadc.tuning.figures.pairs import draw_contours, draw_ranks
from cadc.tuning.figures.scale import Scale
from cadc.tuning.figures.slices import draw_parallel, draw_slices
from cadc.tuning.figures.trials import Complete
from cadc.tuning.study import SharedStudy
from cadc.tuning.tuning import Tuning

SPACE = {
    "architecture": {"choices": {"$\\bad{x}$": {"model": "dlrm"}, "cross": {"model": "dcn"}}},
    "trainer.learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "embedding.dim": {"low": 4, "high": 16},
    "model.cross_layers": {"low": 1, "high": 3},
}


def study_of(folder, values, metric="val/logloss"):
    """Return a study with a trial for each value; every second has a component with one option more."""
    study = SharedStudy(Tuning(SPACE, metric=metric), "made-up_$x$", "0", Ledger(folder), 3)
    of, rng = study.tuning.distributions, np.random.default_rng(0)
    for number, value in enumerate(values):
        params = {
            "architecture": of["architecture"].choices[number % 2],
            "trainer.learning_rate": float(10 ** rng.uniform(-3, -1)),
            "embedding.dim": int(rng.integers(4, 17)),
        }
        if number % 2:
            params["model.cross_layers"] = int(rng.integers(1, 4))
        study.study.add_trial(
            create_trial(params=params, distributions={key: of[key] for key in params}, values=[value])
        )
    return study


@pytest.mark.parametrize(
    ("distribution", "value", "place", "inside"),
    [
        (FloatDistribution(0.001, 0.1, log=True), 0.01, -2.0, (-3.0, -1.0)),
        (IntDistribution(4, 16), 8, 8.0, (4.0, 16.0)),
        (CategoricalDistribution(["a", "b", "c"]), "c", 2.0, (0.0, 2.0)),
    ],
)
def test_a_value_stands_between_the_ends_of_its_axis(distribution, value, place, inside):
    scale = Scale("key", distribution)
    assert scale.place(value) == pytest.approx(place)
    low, high = scale.limits
    assert low < inside[0] < inside[1] < high
    assert all(low < at < high for at, _ in scale.ticks())


@pytest.mark.parametrize("metric", ["val/logloss", "val/auc"])
def test_the_best_trial_is_dark_and_has_the_first_rank(metric, tmp_path):
    values = [0.7, 0.5, 0.6, 0.65]
    complete = Complete(study_of(tmp_path, values, metric), {})
    best = np.argmin(values) if metric == "val/logloss" else np.argmax(values)
    assert complete.ranks(complete.trials).argmin() == best
    brightness = complete.colours(complete.norm(complete.values(complete.trials)))[:, :3].sum(axis=1)
    assert brightness.argmin() == best


def test_trials_without_an_option_are_left_out_of_its_panels_alone(tmp_path):
    complete = Complete(study_of(tmp_path, np.linspace(0.5, 0.6, 20)), {"model.cross_layers": 1.0})
    assert complete.scales[0].name == "model.cross_layers"
    panels = draw_slices(complete).axes[: len(complete.scales)]
    assert [len(axes.collections[0].get_offsets()) for axes in panels] == [10, 20, 20, 20]
    # Six pairs of four options; the lines of ten trials have a gap.
    assert len(draw_ranks(complete).axes) == len(draw_contours(complete).axes) == 6 + 1
    lines = [line.get_ydata() for line in draw_parallel(complete).axes[0].lines[:20]]
    assert sum(bool(np.isnan(np.asarray(line, dtype=float)).any()) for line in lines) == 10


def test_names_that_look_like_formulas_are_drawn(tmp_path, recwarn):
    (tmp_path / "out").mkdir()
    write_figures(study_of(tmp_path / "runs", np.linspace(0.5, 0.6, 12)), tmp_path / "out")
    assert {"slice.png", "parallel.png", "contour.png", "rank.png"} <= {p.name for p in (tmp_path / "out").iterdir()}
    assert [str(found.message) for found in recwarn.list] == []
