"""Ranks exchange what they should, and take portions that leave nothing out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.distributed import Placement, Portion, own_placement
from cadc.errors import UsageError
from tests.distributed import programs
from tests.distributed.processes import on_ranks


@given(st.integers(1, 9), st.integers(0, 40))
def test_portions_follow_one_another_and_differ_by_one_row_at_most(size, n_rows):
    portions = [Portion.of_rank(rank, size, n_rows) for rank in range(size)]
    assert [place for own in portions for place in range(own.first, own.end)] == list(range(n_rows))
    assert max(own.n for own in portions) - min(own.n for own in portions) <= 1
    assert sum(own.share for own in portions) == pytest.approx(float(n_rows > 0))


def test_every_exchange_gives_all_ranks_what_it_says():
    for rank, found in enumerate(on_ranks(programs.exchanged, 3)):
        assert found["sum"] == 6
        assert found["rows"] == [0, 1, 1, 2, 2, 2]
        assert (found["bytes"], found["nothing"]) == ("first", None)
        assert found["says"] is True, rank
        assert found["numbers"] == {"rank": 0.0}
        assert found["facts"] == {
            "strategy": "ddp",
            "backend": "gloo",
            "world_size": 3,
            "machines": 1,
            "devices": ["cpu"] * 3,
        }


def test_the_first_rank_gathers_rows_by_their_places():
    first, *others = on_ranks(programs.gathered, 3, places=[[4, 0], [], [2, 3, 1]], n_rows=5)
    assert first == [0, 10, 20, 30, 40]
    assert all(str(value) == "nan" for value in others[0])


@pytest.mark.parametrize("places", [[[0, 1], [1, 2]], [[0, 1], []], [[0, 0], [1]]])
def test_rows_that_are_missing_or_there_twice_are_an_error(places):
    first, _ = on_ranks(programs.gathered, 2, places=places, n_rows=3)
    assert "expected each of 3 once" in first["error"]


TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "node-1",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_PROCID": "3",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    "SLURM_STEP_NODELIST": "node-[1-2]",
    "SLURM_JOB_ID": "1234567",
}


def test_the_place_is_read_from_the_variables_of_torchrun_and_of_srun():
    assert own_placement(TORCHRUN) == Placement(3, 4, 1, 2, "node-1", 29500, "torchrun")
    assert own_placement(SRUN) == Placement(3, 4, 1, 2, "node-1", 19567, "srun")


def test_a_process_alone_has_no_place():
    assert own_placement({}) is None
    assert own_placement(TORCHRUN | {"WORLD_SIZE": "1", "RANK": "0"}) is None
    # As in a batch script of Slurm outside of srun.
    assert own_placement({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}) is None


def test_damaged_variables_are_named():
    with pytest.raises(UsageError, match="unset RANK, WORLD_SIZE and SLURM_PROCID"):
        own_placement(TORCHRUN | {"RANK": "first"})
