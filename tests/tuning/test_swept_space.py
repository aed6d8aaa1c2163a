"""Search spaces in overrides, as Hydra's sweeper for Optuna takes them."""

import pytest
from optuna.distributions import IntDistribution

from cadc.errors import UsageError
from cadc.tuning.compose import compose_tuning
from cadc.tuning.swept_space import ends_of

SEARCHED = ["trainer.learning_rate=tag(log,interval(1e-4,1e-2))", "embedding.dim=interval(4,16)"]


def test_sweeps_of_overrides_are_the_search_space():
    tuning, others = compose_tuning([*SEARCHED, "model=dlrm,dcn", "sampler.rate=range(0.1,0.5,0.1)", "seed=1"])
    assert others == ["seed=1"]
    found = {key: (own.low, own.high) for key, own in tuning.distributions.items() if key != "model"}
    assert found == {
        "trainer.learning_rate": (1e-4, 1e-2),
        "embedding.dim": (4, 16),
        "sampler.rate": (0.1, 0.4),
    }
    assert list(tuning.distributions["model"].choices) == ["dlrm", "dcn"]
    assert isinstance(tuning.distributions["embedding.dim"], IntDistribution)
    assert tuning.distributions["trainer.learning_rate"].log
    assert tuning.distributions["sampler.rate"].step == 0.1


def test_sweeps_lie_over_a_space_that_is_chosen():
    tuning, _ = compose_tuning(["tune=size", "trainer.learning_rate=0.001,0.01"])
    chosen, _ = compose_tuning(["tune=size"])
    assert set(tuning.distributions) == {*chosen.distributions, "trainer.learning_rate"}
    assert list(tuning.distributions["trainer.learning_rate"].choices) == [0.001, 0.01]


def test_ends_are_checked_one_by_one():
    assert ends_of(["embedding.dim=interval(4,16)", "seed=1,2"]) == [
        ["embedding.dim=4.0"],
        ["embedding.dim=16.0"],
        ["seed=1"],
        ["seed=2"],
    ]


def test_an_empty_range_is_refused():
    with pytest.raises(UsageError, match="holds no values"):
        compose_tuning(["sampler.rate=range(1,1)"])
