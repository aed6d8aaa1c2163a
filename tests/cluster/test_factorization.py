"""The closed-form passes of a factorisation on two workers of Ray, one of which is killed amid a pass."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest
import torch

from cadc.errors import MachineTrouble, NotTogether
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.solvers import logistic_newton
from cadc.factorization.solvers.logistic_newton import fit_newton, step_of_block
from cadc.factorization.solvers.logistic_solution import Solution, pair_logits
from cadc.factorization.workers.here import ThisProcess
from cadc.factorization.workers.on_ray import RayWorkers
from cadc.launchers.ray_session import ray_session
from cadc.paths import cache_dir
from tests.support.crowded import SIZES, many_examples

pytestmark = pytest.mark.cluster("ray")


@pytest.fixture(autouse=True)
def two_cores(_elsewhere):
    with ray_session({"num_cpus": 2}):
        yield


def killing_step(*block, folder, n_kills, at, **options):
    """Kill the worker at a block of the first field, until that was done some times; note who works."""
    killed = len(list(folder.glob("killed-*")))
    if len(block[3]) == at and killed < n_kills:
        (folder / f"killed-{os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / f"worked-{os.getpid()}").touch()
    return step_of_block(*block, **options)


def fitted(workers):
    examples = many_examples()
    generator = torch.Generator().manual_seed(0)
    start = Solution.at([0.3 * torch.randn(size, 4, generator=generator) for size in SIZES])
    found = fit_newton(examples, examples, start, 4.0, 16.0, True, 1.3, EarlyStop(3, 1), workers)
    return pair_logits(examples.ids, found.vectors, found.biases, torch.tensor(found.global_bias))


def smallest_block_of_users():
    """Return the number of values of the last block by the first field."""
    with ThisProcess().grouped(many_examples(), SIZES) as (first, _):
        return len([values for values, _, _ in first.blocks()][-1])


def test_logits_are_those_of_one_process_though_a_worker_is_killed_amid_a_pass(monkeypatch, tmp_path):
    alone = fitted(ThisProcess())
    step = partial(killing_step, folder=tmp_path, n_kills=1, at=smallest_block_of_users())
    monkeypatch.setattr(logistic_newton, "step_of_block", step)
    torch.testing.assert_close(fitted(RayWorkers(2)), alone, rtol=0, atol=1e-6)
    (killed,) = tmp_path.glob("killed-*")
    worked = {path.name.removeprefix("worked-") for path in tmp_path.glob("worked-*")}
    assert len(worked) == 3, "the two first workers, and the one in place of the lost one"
    assert killed.name.removeprefix("killed-") in worked
    assert str(os.getpid()) not in worked
    assert not [path for path in Path(cache_dir()).rglob("*.parquet") if "partitions" in str(path)]


def test_a_worker_that_is_lost_again_and_again_ends_the_fit_in_a_sentence(monkeypatch, tmp_path):
    step = partial(killing_step, folder=tmp_path, n_kills=9, at=smallest_block_of_users())
    monkeypatch.setattr(logistic_newton, "step_of_block", step)
    with pytest.raises(MachineTrouble, match=r"a worker of Ray that factorises was lost 4 times"):
        fitted(RayWorkers(2))


def test_more_workers_than_cores_are_refused_and_nothing_counts_as_failed():
    with pytest.raises(NotTogether, match=r"factorization\.workers=3 needs 3 cores, and Ray has 2"):
        fitted(RayWorkers(3))
