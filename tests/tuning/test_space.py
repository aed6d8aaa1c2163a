"""Search spaces: what trials choose from."""

import pytest
import yaml
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from cadc.errors import UsageError
from cadc.tuning.space import distributions
from cadc.tuning.tuning import Tuning
from tests.tuning.helpers import tune


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ("{low: 0.1, high: 1}", FloatDistribution(0.1, 1.0)),
        ("{low: 1e-4, high: 1e-2, log: true}", FloatDistribution(1e-4, 1e-2, log=True)),
        ("{low: 0.0, high: 0.5, step: 0.1}", FloatDistribution(0.0, 0.5, step=0.1)),
        ("{low: 1, high: 9, step: 0.5}", FloatDistribution(1.0, 9.0, step=0.5)),
        ("{low: 1, high: 9}", IntDistribution(1, 9)),
        ("{low: 4, high: 64, step: 4}", IntDistribution(4, 64, step=4)),
        ("{low: 1, high: 512, log: true}", IntDistribution(1, 512, log=True)),
        ("{choices: [random, mf]}", CategoricalDistribution(["random", "mf"])),
        ("{choices: [4, 8, null, true]}", CategoricalDistribution([4, 8, None, True])),
        ("{choices: [[64, 32], [32]]}", CategoricalDistribution(["[64,32]", "[32]"])),
        ("{choices: [1e-4]}", CategoricalDistribution(["1e-4"])),
    ],
)
def test_a_leaf(leaf, expected):
    assert distributions(yaml.safe_load(f"trainer: {{key: {leaf}}}")) == {"trainer.key": expected}
    assert distributions(yaml.safe_load(f"trainer.key: {leaf}")) == {"trainer.key": expected}


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("", "tune.space is empty"),
        ("[1]", "tune.space is empty"),
        ("a: 5", "tune.space.a is 5; expected {low: 1, high: 10} or {choices: [a, b]}"),
        ("a: {low: 1}", "tune.space.a lacks high"),
        ("a: {high: 1}", "tune.space.a lacks low"),
        ("a: {low: 2, high: 1}", "tune.space.a is not a range"),
        ("a: {low: 0, high: 1, log: true}", "tune.space.a is not a range"),
        ("a: {low: 0.0, high: 1.0, log: true}", "tune.space.a is not a range"),
        ("a: {low: 1, high: 9, log: true, step: 2}", "tune.space.a is not a range"),
        ("a: {low: 1, high: 9, step: 0}", "tune.space.a is not a range"),
        ("a: {low: 1, high: 9, log: maybe}", "log is 'maybe', expected true or false"),
        ("a: {low: x, high: 9}", "tune.space.a is not a range"),
        ("a: {low: true, high: 9}", "True is not a number"),
        ("a: {low: .nan, high: 9}", "nan is not a number"),
        ("a: {low: 1, high: .inf}", "inf is not a number"),
        ("a: {low: 1, high: 9, steps: 2}", "tune.space.a has the unknown steps; expected low, high, log, step"),
        ("a: {choices: []}", "tune.space.a.choices is []; expected a list of values"),
        ("a: {choices: 5}", "tune.space.a.choices is 5"),
        ("a: {choices: [1], low: 2}", "tune.space.a has the unknown choices"),
        ("a: {choices: [{b: 1}]}", "tune.space.a.choices"),
        ("a: {choices: [1, 1]}", "tune.space.a.choices"),
        ("a: {}", "tune.space.a"),
    ],
)
def test_a_wrong_space_is_named_by_its_key(space, said):
    with pytest.raises(UsageError) as caught:
        distributions(yaml.safe_load(space))
    assert said in str(caught.value)


def test_trials_choose_inside_the_space(tmp_path):
    space = "{embedding.dim:{low:2,high:6,step:2},model.top_mlp:{choices:[[8],[8,4]]},initializer:{choices:[random,mf]}"
    study = tune(
        tmp_path,
        f"tune.space={space},factorization.l2:{{low:1,high:10}}}}",
        "tune.trials=6",
        "tune.pruner=none",
        "factorization.max_epochs=1",
    )
    params = [trial.params for trial in study.study.trials[1:]]  # the first keeps the current settings
    assert {p["embedding.dim"] for p in params} <= {2, 4, 6}
    assert {p["model.top_mlp"] for p in params} == {"[8]", "[8,4]"}
    assert {p["initializer"] for p in params} == {"random", "mf"}
    assert all(1 <= p["factorization.l2"] <= 10 for p in params)
    assert {trial.state.name for trial in study.study.trials} == {"COMPLETE"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": ()}, "tune.metric is empty"),
        ({"metric": "auc"}, "tune.metric is 'auc'; expected val/logloss"),
        ({"metric": "test/auc"}, "trials never read test data"),
        ({"metric": ("val/auc", "test/auc")}, "trials never read test data"),
        ({"metric": "val/joy"}, "set tune.direction=minimize or maximize"),
        ({"metric": ("val/auc", "val/auc")}, "tune.metric has a duplicate of val/auc"),
        ({"direction": ("minimize", "maximize")}, "has 2 values for 1 metrics"),
        ({"trials": 0}, "tune.trials is 0; it must be at least 1"),
        ({"workers": 0}, "tune.workers is 0; it must be at least 1"),
        ({"startup": -1}, "tune.startup is -1"),
    ],
)
def test_settings_that_make_no_sense(options, said):
    with pytest.raises(UsageError) as caught:
        Tuning(space={"a": {"low": 1, "high": 2}}, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("val/auc", "maximize"),
        ("val/logloss", "minimize"),
        ("val/ndcg@10", "maximize"),
        ("bytes/embedding", "minimize"),
        ("cost/total_s", "minimize"),
    ],
)
def test_the_direction_of_a_usual_metric_is_known(metric, direction):
    assert Tuning(space={"a": {"low": 1, "high": 2}}, metric=metric).directions == (direction,)
    assert Tuning(space={"a": {"low": 1, "high": 2}}, metric=metric, direction="maximize").directions == ("maximize",)
