"""The ranks that a run is trained on: which there are, what starts them, and what the others do of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import cpu_count

import torch

from cadc.distributed.leader import Leader
from cadc.distributed.placement import Placement, own_placement
from cadc.distributed.ranks import ALONE, Ranks
from cadc.errors import NotTogether, UsageError
from cadc.pipeline.settings import Settings
from cadc.pipeline.sharding import require_shareable_tables, shares_tables
from cadc.terminal.counted import counted
from cadc.training.device import device_of_accelerator

FOLLOWER = "cadc.execution.follower"
"""Module whose `main` is the program of the ranks that a run starts itself."""

MOST_PROCESSES = 8
"""Most processes that a run starts for each processor; each loads Python and the data, about 0.4 GB."""

_given: list[Leader] = []
"""The leader of processes that torchrun or srun started, in the first of them."""


def asks_for_several(settings: Settings, place: Placement | None) -> bool:
    """Tell whether a run asks for several processes, those that were started with this one included."""
    if settings.fit is None:
        return False
    n, strategy = int(settings.fit.option("devices")), settings.fit.option("strategy")
    is_started = place is not None and (strategy == "ddp" or place.starter != "srun")
    return n > 1 or is_started


def require_several(settings: Settings, place: Placement | None) -> None:
    """Raise an error for a run that asks for several processes, and cannot have them.

    Raises
    ------
    UsageError : for options that exclude one another.
    NotTogether : where the machine has fewer devices, or far fewer processors.
    """
    if not asks_for_several(settings, place):
        return
    assert settings.fit is not None
    n = int(settings.fit.option("devices"))
    given, without = f"trainer.devices={n} was given", "leave trainer.devices out"
    if place is not None and n == 1:
        given, without = f"{place.starter} started {place.size} processes", f"start it without {place.starter}"
    if place is not None and n not in (1, place.local_size):
        raise NotTogether(
            f"{given}, but {place.starter} started {place.local_size} processes on this machine; {without}, or start "
            f"{n}."
        )
    if settings.policy is not None:
        raise UsageError(f"{given}, but the segments of a stream are trained in one process; {without}.")
    require_shareable_tables(settings)
    if int(settings.fit.option("fleet")) > 1:
        raise UsageError(
            f"{given}, which train one run together, and trainer.fleet={settings.fit.option('fleet')} trains several "
            f"runs in one process; set trainer.fleet=1, or {without}."
        )
    local = n if place is None else place.local_size
    device = device_of_accelerator(str(settings.fit.option("accelerator")))
    if device.type == "mps":
        raise NotTogether(f"{given}, but mps devices cannot exchange gradients; set trainer.accelerator=cpu.")
    if device.type == "cuda" and local > torch.cuda.device_count():
        raise NotTogether(
            f"{local} processes were asked for, but torch finds {torch.cuda.device_count()} GPUs here; lower "
            "trainer.devices, or set trainer.accelerator=cpu."
        )
    most = MOST_PROCESSES * (cpu_count() or 1)
    if device.type == "cpu" and place is None and n > most:
        raise NotTogether(
            f"{given}, but this machine has {counted(cpu_count() or 1, 'processor')}; expected at most {most} "
            f"processes, {MOST_PROCESSES} for each. Lower trainer.devices."
        )


@contextmanager
def leading(leader: Leader) -> Iterator[None]:
    """Let runs in a `with` block be trained by the processes that were started with this one."""
    _given.append(leader)
    try:
        yield
    finally:
        _given.remove(leader)


class Crew:
    """The ranks of one run, seen from the first of them.

    Parameters
    ----------
    settings, run_id : of the run.
    leader : hands out its training; None where this process trains alone.
    """

    def __init__(self, settings: Settings, run_id: str, leader: Leader | None) -> None:
        self.settings, self.run_id, self.leader = settings, run_id, leader

    @property
    def shares(self) -> Ranks | None:
        """The ranks that share the rows of tables, seen from this one, before they join; None where nobody shares."""
        if self.leader is None or not shares_tables(self.settings):
            return None
        return Ranks(0, self.leader.size)

    @contextmanager
    def together(self) -> Iterator[Ranks]:
        """Train and evaluate with all ranks in a `with` block, once the stages before are in the caches."""
        if self.leader is None:
            yield ALONE
            return
        job = {"run": self.run_id, "config": self.settings.config}
        with self.leader.together(job, device_of(self.settings, _local_rank())) as ranks:
            yield ranks


@contextmanager
def crew_of(settings: Settings, run_id: str) -> Iterator[Crew]:
    """Start the ranks of a run, which wait inside the `with` block for work, and end with it.

    Parameters
    ----------
    settings, run_id : of the run.

    Raises
    ------
    UsageError, NotTogether : see `require_several`.
    """
    place = own_placement()
    require_several(settings, place)
    if not asks_for_several(settings, place):
        yield Crew(settings, run_id, None)
    elif place is not None:
        if not _given:
            raise NotTogether(
                f"{place.starter} started {place.size} processes, which share one run by `cadc train` alone; use that "
                "command, or trainer.devices in one process."
            )
        yield Crew(settings, run_id, _given[-1])
    else:
        assert settings.fit is not None
        leader = Leader.of_local(FOLLOWER, int(settings.fit.option("devices")))
        try:
            yield Crew(settings, run_id, leader)
        finally:
            leader.close()


def device_of(settings: Settings, local_rank: int) -> torch.device:
    """Return the device of a rank, by its number among those of its machine."""
    assert settings.fit is not None
    return device_of_accelerator(str(settings.fit.option("accelerator")), local_rank)


def _local_rank() -> int:
    place = own_placement()
    return 0 if place is None else place.local_rank
