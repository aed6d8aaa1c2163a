"""Which runs several processes may share is said before anything is prepared."""

import pytest

from cadc.distributed import Placement
from cadc.errors import CadcError
from cadc.execution.jobs import plan
from cadc.execution.sweep import execute
from cadc.ledger import Ledger
from cadc.ledger.identity import signature
from cadc.pipeline.settings import Settings
from cadc.pipeline.several import asks_for_several, require_several

OF_TORCHRUN = Placement(0, 4, 0, 2, "node-1", 29500, "torchrun")
OF_SRUN = Placement(0, 4, 0, 2, "node-1", 29500, "srun")


@pytest.mark.parametrize(
    ("overrides", "place", "is_shared"),
    [
        ((), None, False),
        (("trainer.devices=2",), None, True),
        (("trainer.strategy=ddp",), None, False),
        ((), OF_TORCHRUN, True),
        ((), OF_SRUN, False),
        (("trainer.strategy=ddp",), OF_SRUN, True),
        (("trainer.devices=2", "model=bias"), OF_TORCHRUN, False),
    ],
)
def test_runs_are_shared_where_devices_or_torchrun_say_so(overrides, place, is_shared):
    assert asks_for_several(Settings.compose(overrides), place) is is_shared


@pytest.mark.parametrize(
    ("overrides", "place", "sentence"),
    [
        (("trainer.devices=2", "trainer.fleet=2"), None, "set trainer.fleet=1, or leave trainer.devices out"),
        (("trainer.fleet=2",), OF_TORCHRUN, "torchrun started 4 processes, which train one run together"),
        (
            ("data/split=segments", "policy=equal"),
            OF_TORCHRUN,
            "torchrun started 4 processes, but the segments .* start it without torchrun",
        ),
        (
            ("data/split=segments", "policy=equal", "trainer.devices=2"),
            None,
            "trainer.devices=2 was given",
        ),
        (("trainer.devices=3",), OF_TORCHRUN, "torchrun started 2 processes on this machine"),
        (("trainer.devices=2", "trainer.accelerator=mps"), None, "trainer.accelerator=mps is not available"),
        (
            ("trainer.devices=100000", "trainer.accelerator=cpu"),
            None,
            "trainer.devices=100000 was given, but this machine has .*; expected at most",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(overrides, place, sentence):
    with pytest.raises(CadcError, match=sentence):
        require_several(Settings.compose(overrides), place)


def test_a_launcher_gives_each_run_one_process():
    jobs = plan([("data=synthetic", "data.n_rows=1000", "trainer.devices=2", "trainer.accelerator=cpu")])
    with pytest.raises(CadcError, match="leave out hydra/launcher"):
        execute(jobs, Ledger(), launcher=["hydra/launcher=joblib"])


def test_a_run_is_the_same_on_any_number_of_devices():
    one, many = (Settings.compose(words) for words in ((), ("trainer.devices=8", "trainer.strategy=ddp")))
    assert signature(many) == signature(one)
