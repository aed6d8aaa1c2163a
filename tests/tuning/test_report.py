"""What a study leaves: best options as a file to run, the Pareto front, a table, figures."""

import random

import optuna
import pandas as pd
import pytest
from hydra.core.override_parser.types import Sweep
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from cadc.configuration.override_text import expand_files, to_overrides, to_values
from cadc.configuration.overrides import parse_overrides
from cadc.configuration.safe_yaml import dump_yaml
from cadc.errors import UsageError
from cadc.ledger import Ledger
from cadc.tuning.report import table, write_report
from cadc.tuning.study import SharedStudy
from cadc.tuning.tuning import Tuning

LONG = "model.some_option_with_quite_a_long_name_that_nobody_would_choose"


@pytest.fixture
def made_up(tmp_path):
    """Call it with rows (values, state) for a study that nobody worked on."""

    def make(rows, metric=("val/logloss",), keys=("trainer.learning_rate", LONG)):
        space = {key: {"low": 0.0, "high": 1.0} for key in keys}
        study = SharedStudy(Tuning(space=space, metric=metric), "made-up", "0", Ledger(tmp_path), 3)
        rng = random.Random(0)
        for values, state in rows:
            stopped = state == TrialState.PRUNED
            study.study.add_trial(
                create_trial(
                    params={key: rng.random() for key in keys},
                    distributions={key: FloatDistribution(0.0, 1.0) for key in keys},
                    values=None if state == TrialState.FAIL else values,
                    intermediate_values={1: values[0]} if stopped else {},
                    state=state,
                    user_attrs={"reason": "the loss is NaN"} if state == TrialState.FAIL else {},
                )
            )
        return study

    return make


def naive_front(values, directions):
    """Return the places of those that none is better than in all respects."""

    def as_costs(row):
        return [v if direction == "minimize" else -v for v, direction in zip(row, directions, strict=True)]

    costs = [as_costs(row) for row in values]
    return [
        i
        for i, own in enumerate(costs)
        if not any(all(a <= b for a, b in zip(other, own, strict=True)) and other != own for other in costs)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_the_pareto_front_is_what_no_other_trial_beats(made_up, tmp_path, seed):
    rng = random.Random(seed)
    sizes = [rng.randint(1, 9) * 100 for _ in range(40)]
    values = [(round(size / 1000 + rng.random() / 2, 1), size) for size in sizes]
    study = made_up([(row, TrialState.COMPLETE) for row in values], ("val/auc", "bytes/embedding"))
    expected = naive_front(values, ("maximize", "minimize"))
    assert 1 < len(expected) < 40
    assert sorted(trial.number for trial in study.best()) == expected
    write_report(study, ["seed=0"], tmp_path / "out")
    numbers = [int((tmp_path / "out" / f"best-{n}.yaml").read_text().split()[2]) for n in range(1, len(expected) + 1)]
    assert sorted(numbers) == expected
    found = [values[number][0] for number in numbers]
    assert found == sorted(found)


def test_equal_trials_make_one_file(made_up, tmp_path):
    study = made_up([((0.5,), TrialState.COMPLETE)] * 3)
    write_report(study, [], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.yaml")) == ["best.yaml"]
    assert "# Trial 0 of 3 of the study made-up: val/logloss 0.5" in (tmp_path / "out" / "best.yaml").read_text()


def test_files_of_an_earlier_report_go(made_up, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("best-7.yaml", "pareto.png", "best-of-all.yaml"):
        (out / name).write_text("mine")
    write_report(made_up([((0.5,), TrialState.COMPLETE)] * 3), [], out)
    assert {path.name for path in out.iterdir()} >= {"best.yaml", "trials.csv", "history.png", "best-of-all.yaml"}
    assert not (out / "best-7.yaml").exists()
    assert not (out / "pareto.png").exists()


def test_the_table_has_a_row_a_trial(made_up):
    study = made_up([((0.5,), TrialState.COMPLETE), ((0.7,), TrialState.PRUNED), ((0.0,), TrialState.FAIL)])
    rows = table(study)
    assert rows["trial"].tolist() == [0, 1, 2]
    assert rows["state"].tolist() == ["complete", "pruned", "fail"]
    assert rows["val/logloss"].tolist()[:2] == [0.5, 0.7]
    assert pd.isna(rows["val/logloss"][2])
    assert rows["reason"][2] == "the loss is NaN"
    assert LONG in rows


def scores(n, rng):
    return [((0.5 + 0.2 * rng.random(),), TrialState.COMPLETE) for _ in range(n)]


@pytest.mark.parametrize("case", ["1", "2", "50", "all pruned but one", "one hopeless", "all alike", "with failures"])
def test_figures_are_drawn(made_up, tmp_path, case):
    rng = random.Random(1)
    rows = {
        "1": scores(1, rng),
        "2": scores(2, rng),
        "50": scores(50, rng),
        "all pruned but one": scores(1, rng) + [((0.6 + 0.1 * rng.random(),), TrialState.PRUNED) for _ in range(20)],
        "one hopeless": [*scores(20, rng), ((4e3,), TrialState.COMPLETE)],
        "all alike": [((0.5,), TrialState.COMPLETE)] * 8,
        "with failures": scores(5, rng) + [((0.0,), TrialState.FAIL)] * 5,
    }[case]
    write_report(made_up(rows), [], tmp_path / "out")
    drawn = image.imread(tmp_path / "out" / "history.png")
    assert_nothing_touches_the_edge(drawn)
    for path in (tmp_path / "out").glob("*.png"):
        assert_nothing_touches_the_edge(image.imread(path))
    of_the_space = {path.name for path in (tmp_path / "out").glob("*.png")} - {"history.png", "importance.png"}
    # A single trial says nothing of the space.
    few = case in ("1", "all pruned but one")
    assert of_the_space == (set() if few else {"slice.png", "parallel.png", "contour.png", "rank.png"})
    assert (tmp_path / "out" / "importance.png").exists() == (case in ("50", "one hopeless", "with failures"))


@pytest.mark.parametrize("n_trials", [1, 2, 30])
def test_a_front_is_drawn(made_up, tmp_path, n_trials):
    rng = random.Random(1)
    rows = [((rng.random(), 4 ** rng.randint(4, 10)), TrialState.COMPLETE) for _ in range(n_trials)]
    write_report(made_up(rows, ("val/auc", "bytes/embedding")), [], tmp_path / "out")
    assert_nothing_touches_the_edge(image.imread(tmp_path / "out" / "pareto.png"))
    assert not (tmp_path / "out" / "history.png").exists()


def assert_nothing_touches_the_edge(drawn):
    for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
        assert (edge[..., :3] == 1).all(), "something is cut off"


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
VALUES = (
    TEXTS
    | st.sampled_from(
        ["1e-4", "null", "007", "yes", "0x10", "1_000", "2026-01-01", "[64,32]", "[[1],[2]]", "~", ".inf"]
    )
    | st.floats().map(repr)
    | st.integers().map(str)
)


def meant(override):
    """Return what an override sets; the override itself where it cannot be parsed."""
    try:
        (parsed,) = parse_overrides([override])
    except UsageError:
        return override
    value = parsed.value()
    return parsed.key_or_group, str(value) if isinstance(value, Sweep | float) else value


@given(st.dictionaries(st.sampled_from(["seed", "data", "+model.x", "data/split", "trainer.y"]), VALUES, max_size=4))
def test_overrides_mean_the_same_after_they_were_in_a_file(tmp_path_factory, values):
    words = [f"{key}={text}" for key, text in values.items() if isinstance(meant(f"{key}={text}"), tuple)]
    path = tmp_path_factory.getbasetemp() / "best.yaml"
    path.write_text(dump_yaml(to_values(words)), encoding="utf-8")
    found = expand_files(["first", f"@{path}", "last"]) if words else ["first", "last"]
    assert list(map(meant, found)) == ["first", *map(meant, words), "last"]


def test_numbers_and_lists_stand_as_such_in_the_file():
    words = ["a=0.5", "b=3", "c=[64,32]", "d=true", "e=null", "f=1e-4", "g=mf", "a=0.7"]
    values = {"a": 0.7, "b": 3, "c": [64, 32], "d": True, "e": None, "f": 0.0001, "g": "mf"}
    assert to_values(words) == values
    assert to_overrides(values) == ["a=0.7", *words[1:5], "f=0.0001", "g=mf"]


def test_optuna_says_nothing_of_its_own(made_up, capfd):
    made_up(scores(3, random.Random(0))).study.ask()
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR
    assert capfd.readouterr().err == ""
