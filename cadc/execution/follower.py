"""The program of a process that takes part in the runs of another one."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cadc.distributed.follower import LOST, Join, end_with_standard_input, follow
from cadc.distributed.leader import Leader, store_of
from cadc.distributed.placement import Placement, own_placement
from cadc.distributed.ranks import Ranks
from cadc.errors import MachineTrouble
from cadc.execution.failure import as_cadc_error, is_trouble
from cadc.ledger.identity import run_identity
from cadc.pipeline.build import open_log
from cadc.pipeline.run import take_part
from cadc.pipeline.settings import Settings
from cadc.pipeline.several import asks_for_several, device_of, leading


def main() -> None:
    """Follow the run that started this process, until it ends."""
    end_with_standard_input()
    place = own_placement()
    assert place is not None
    try:
        status = follow_runs(place)
    except MachineTrouble as error:
        print(error, file=sys.stderr)
        status = LOST
    sys.exit(status)


def follow_runs(place: Placement) -> int:
    """Take part in the runs of the first of several processes; return the status that it ends with.

    Raises
    ------
    MachineTrouble : if that one is lost.
    """

    def carry_out(job: Mapping[str, Any], join: Join) -> None:
        settings = Settings.of(job["config"])
        found, _ = run_identity(settings, open_log(settings))
        if found != job["run"]:
            raise MachineTrouble(
                f"run {job['run']} has the id {found} in process {place.rank}: code, plug-ins or data differ there; "
                "install the same version everywhere and share CADC_DATA_DIR."
            )
        take_part(settings, lambda: join(device_of(settings, place.local_rank)), Ranks(place.rank, place.size))

    return follow(place, carry_out, lambda error: (str(as_cadc_error(error)), is_trouble(error)))


def place_in_runs(combinations: Sequence[Sequence[str]]) -> Placement | None:
    """Return the place of this process among those that torchrun or srun started to share each run of a sweep.

    Parameters
    ----------
    combinations : overrides of each run.

    Returns
    -------
    place : None for a process on its own, also one of several that work on the runs of a sweep side by side.

    Raises
    ------
    UsageError : for wrong overrides.
    """
    place = own_placement()
    if place is None or not any(asks_for_several(Settings.compose(overrides), place) for overrides in combinations):
        return None
    return place


@contextmanager
def leading_others(place: Placement | None) -> Iterator[None]:
    """Let runs in a `with` block be shared with the processes that were started with this one, the first of them.

    Parameters
    ----------
    place : of this process; None shares nothing.
    """
    if place is None:
        yield
        return
    leader, status = Leader(store_of(place), place.size), 1
    try:
        with leading(leader):
            yield
        status = 0
    finally:
        leader.close(status)
