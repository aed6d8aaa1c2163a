"""Where torchrun or srun placed this process among those that it started."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cadc.errors import UsageError

Starter = Literal["torchrun", "srun", "cadc"]

FIRST_PORT = 15_000
"""Port of the jobs of Slurm whose number ends in 0000."""


@dataclass(frozen=True)
class Placement:
    """The place of a process.

    Parameters
    ----------
    rank, size : number of this process, from 0, and of all processes.
    local_rank, local_size : the same among the processes of its machine.
    address, port : where the first process, or its starter, answers.
    starter : what started the processes; `cadc` for those that a run started itself.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str
    port: int
    starter: Starter

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a process at this place, as torchrun sets them.

        >>> place = Placement(1, 2, 1, 2, "127.0.0.1", 29500, "cadc")
        >>> own_placement(place.variables()) == place
        True
        """
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local_rank),
            "LOCAL_WORLD_SIZE": str(self.local_size),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "CADC_STARTED": "1",
        }


def own_placement(environ: Mapping[str, str] = os.environ) -> Placement | None:
    """Return the place of this process; None for one that was started alone.

    Raises
    ------
    UsageError : for variables of torchrun or Slurm that are not numbers.
    """
    try:
        if {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= set(environ):
            found = _of_torchrun(environ)
        elif {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"} <= set(environ):
            found = _of_slurm(environ)
        else:
            return None
    except ValueError as error:
        raise UsageError(
            f"the environment variables that say which of several processes this is are damaged ({error}); start it "
            "by torchrun or srun, or unset RANK, WORLD_SIZE and SLURM_PROCID."
        ) from error
    return found if found.size > 1 else None


def _of_torchrun(environ: Mapping[str, str]) -> Placement:
    rank, size = int(environ["RANK"]), int(environ["WORLD_SIZE"])
    return Placement(
        rank,
        size,
        int(environ.get("LOCAL_RANK", rank)),
        int(environ.get("LOCAL_WORLD_SIZE", size)),
        environ["MASTER_ADDR"],
        int(environ["MASTER_PORT"]),
        "cadc" if "CADC_STARTED" in environ else "torchrun",
    )


def _of_slurm(environ: Mapping[str, str]) -> Placement:
    tasks = re.match(r"\d+", environ.get("SLURM_STEP_TASKS_PER_NODE", environ["SLURM_STEP_NUM_TASKS"]))
    return Placement(
        int(environ["SLURM_PROCID"]),
        int(environ["SLURM_STEP_NUM_TASKS"]),
        int(environ.get("SLURM_LOCALID", environ["SLURM_PROCID"])),
        int(tasks[0]) if tasks else 1,
        environ.get("MASTER_ADDR") or first_host(environ.get("SLURM_STEP_NODELIST", "127.0.0.1")),
        int(environ.get("MASTER_PORT") or FIRST_PORT + int(environ.get("SLURM_JOB_ID", "0")[-4:])),
        "srun",
    )


def first_host(hosts: str) -> str:
    """Return the first host of a list as Slurm writes it.

    >>> first_host("gpu[07-09,12],login"), first_host("node-1,node-2")
    ('gpu07', 'node-1')
    """
    return re.sub(r"^([^,\[]*)\[(\d+)[^\]]*\]([^,]*).*$", r"\1\2\3", hosts).partition(",")[0]
