"""Optuna's samplers by name: they learn, in every process alike, and say which spaces they cannot search."""

import math
import warnings
from importlib.util import find_spec
from statistics import fmean

import pytest
import yaml

from cadc.errors import UsageError
from cadc.ledger import Ledger
from cadc.randomness import derive_seed
from cadc.tuning import samplers
from cadc.tuning.covering import covering_point
from cadc.tuning.tuning import Tuning
from cadc.tuning.work import create_study
from tests.tuning.helpers import SMALL, tune
from tests.tuning.test_proposals import SPACE

RANGES = {
    "trainer.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "trainer.weight_decay_tables": {"low": 1e-6, "high": 1e-2, "log": True},
}
CMAES = pytest.param("cmaes", marks=pytest.mark.skipif(find_spec("cmaes") is None, reason="cmaes is not installed"))
TOGETHER = ("gp", CMAES, "nsga2")


def distance(values) -> float:
    """Return how far options are from the best, in powers of ten."""
    rate, decay = values["trainer.learning_rate"], values["trainer.weight_decay_tables"]
    return abs(math.log10(rate) + 1.6) + 0.5 * abs(math.log10(decay) + 4.9)


def distances(folder, name, n=26, **options) -> list[float]:
    """Return how far the trials of a study are from the best options, none of which is run."""
    folder.mkdir()
    study, _ = create_study(Tuning(RANGES, trials=n, startup=6, sampler=name, **options), SMALL, Ledger(folder))
    found = []
    for _ in range(n):
        trial, lease = study.next()
        found.append(distance(study.tuning.chosen(study.frozen(trial))))
        study.tell(trial, values=[found[-1]])
        lease.release()
    return found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Distances of trials that are drawn at random."""
    return distances(tmp_path_factory.mktemp("drawn") / "random", "random")[-8:]


@pytest.mark.parametrize("name", ["tpe", *TOGETHER])
def test_a_sampler_that_learns_comes_closer_than_one_that_does_not(name, drawn, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learned = distances(tmp_path / name, name)[-8:]
    assert fmean(learned) < 0.75 * fmean(drawn)


@pytest.mark.parametrize("name", ["qmc", *TOGETHER])
def test_processes_started_anew_for_each_trial_get_the_trials_of_one(name, tmp_path):
    def run(folder, processes):
        for n in processes:
            tuning = Tuning(yaml.safe_load(SPACE), trials=10, startup=3, sampler=name)
            study, _ = create_study(tuning, SMALL, Ledger(folder))
            for _ in range(n):
                trial, lease = study.next()
                study.tell(trial, values=[0.5 + 0.01 * (trial.number * 7 % 10)])
                lease.release()
        return [trial.params for trial in study.study.trials]

    assert run(tmp_path / "one", [10]) == run(tmp_path / "several", [1] * 10)


def test_every_trial_of_qmc_is_the_next_point_of_one_sequence(tmp_path):
    study, _ = create_study(Tuning(RANGES, trials=20, sampler="qmc"), SMALL, Ledger(tmp_path))
    for number in range(20):
        trial, lease = study.next()
        if number:
            seed = derive_seed(0, "covering/0")
            assert study.frozen(trial).params == covering_point(study.tuning.distributions, seed, number - 1)
        study.tell(trial, values=[0.5])
        lease.release()


def test_two_metrics_are_tuned_by_nsga2_and_gp(tmp_path):
    for name in ("nsga2", "gp"):
        tuning = Tuning(RANGES, trials=8, startup=3, sampler=name, metric=("val/auc", "bytes/embedding"))
        study, _ = create_study(tuning, SMALL, Ledger(tmp_path / name))
        for number in range(8):
            trial, lease = study.next()
            study.tell(trial, values=[0.5 + 0.01 * number, 1000.0 - number])
            lease.release()
        assert len({tuple(trial.params.items()) for trial in study.study.trials}) == 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": ("val/auc", "bytes/embedding")}, "takes a single metric, but tune.metric has 2"),
        ({"space": {"embedding.dim": {"choices": [4, 8]}}}, "searches ranges, but tune.space has choices alone"),
    ],
)
def test_a_space_that_cmaes_cannot_search_is_a_sentence(options, said):
    with pytest.raises(UsageError, match=said):
        Tuning(**{"space": RANGES, "sampler": "cmaes"} | options)


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(samplers, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs cmaes, which is not installed; run `pip install 'cadc\[cmaes\]'`"):
        Tuning(RANGES, sampler="cmaes")


def test_no_trial_begins_after_the_timeout_and_the_same_command_goes_on(tmp_path, capfd):
    done = len(tune(tmp_path, "tune.trials=3", "tune.timeout=0.001", "tune.name=mine").done())
    assert done < 3
    assert f"{done}/3 trials of mine when tune.timeout was over" in capfd.readouterr().err
    assert len(tune(tmp_path, "tune.trials=3", "tune.timeout=600", "tune.name=mine").done()) == 3
