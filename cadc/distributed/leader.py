"""The process that leads a run on several ranks: it hands out work, and hears of those that are lost.

The first rank does alone whatever is done once: it prepares, factorises, claims, writes and logs. Only when all that
is in the caches does it hand a `job` to the others, who load it from there, join the process group, and take part in
the training. So nobody waits for a stage that failed, and nothing is written twice.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from os import environ
from threading import Event, Thread
from typing import Any

import torch
import torch.distributed as dist

from cadc.distributed.local_workers import PATIENCE, LocalWorkers
from cadc.distributed.placement import Placement
from cadc.distributed.ranks import Ranks, is_of_an_exchange, joined
from cadc.errors import CadcError, MachineTrouble, one_line

ANSWER_S = 30.0
"""Seconds that others have to take notice that the work is over."""


def store_of(place: Placement) -> dist.Store:
    """Return the store of the processes that torchrun, srun or a run started; the first one's process may hold it.

    Raises
    ------
    MachineTrouble : if it cannot be reached.
    """
    is_agents = environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True" and place.starter == "torchrun"
    try:
        store = dist.TCPStore(
            place.address,
            place.port,
            is_master=place.rank == 0 and not is_agents,
            wait_for_workers=False,
            timeout=timedelta(minutes=5),
        )
    except (RuntimeError, ValueError) as error:
        raise MachineTrouble(
            f"process {place.rank} of {place.size} cannot reach the first one at {place.address}:{place.port} "
            f"({str(error).splitlines()[0]}); set MASTER_ADDR and MASTER_PORT to a place that all machines reach."
        ) from error
    # torchrun may start all processes again, with the same store.
    return dist.PrefixStore(f"cadc/{environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)


class Leader:
    """Hands jobs to the other ranks.

    Parameters
    ----------
    store : that all ranks reach.
    size : number of ranks.
    workers : that this process started; None where torchrun or srun did.
    """

    def __init__(self, store: dist.Store, size: int, workers: LocalWorkers | None = None) -> None:
        self.store, self.size, self.workers = store, size, workers
        self._n_jobs = 0

    @classmethod
    def of_local(cls, module: str, size: int) -> "Leader":
        """Start the other ranks on this machine, whose main program is `module.main`."""
        store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        places = [Placement(rank, size, rank, size, "127.0.0.1", store.port, "cadc") for rank in range(1, size)]
        return cls(dist.PrefixStore("cadc/0", store), size, LocalWorkers(module, places))

    @contextmanager
    def together(self, job: Mapping[str, Any], device: torch.device) -> Iterator[Ranks]:
        """Do a job with all ranks in a `with` block.

        Parameters
        ----------
        job : what the others need to know of it, plain values.
        device : of this process.

        Raises
        ------
        MachineTrouble : if another rank is lost.
        CadcError : for the error of another rank.
        """
        number = self._n_jobs
        self._n_jobs += 1
        self.store.set(f"job/{number}", json.dumps(job))
        self._wait_until_ready(number)
        ended = Event()
        try:
            with joined(dist.PrefixStore(f"group/{number}", self.store), 0, self.size, device) as found:
                if device.type == "cuda" and self.workers is not None:
                    Thread(target=self._abort_when_lost, args=(self.workers, ended), daemon=True).start()
                yield found
        except RuntimeError as error:
            if not is_of_an_exchange(error):
                raise
            # As it is when another rank has ended.
            self._raise_if_lost(number, PATIENCE, error)
            raise MachineTrouble(
                f"the processes of the training could not exchange anything ({one_line(str(error))}); run the same "
                "command again to resume."
            ) from error
        finally:
            ended.set()

    def _wait_until_ready(self, number: int) -> None:
        ready = [f"ready/{number}/{rank}" for rank in range(1, self.size)]
        while not self.store.check(ready):
            self._raise_if_lost(number)
            time.sleep(0.02)

    def _abort_when_lost(self, workers: LocalWorkers, ended: Event) -> None:
        """End an exchange over NCCL, which would wait for a lost rank until its timeout."""
        while not ended.wait(0.5):
            if workers.lost() is not None:
                dist.distributed_c10d._abort_process_group()
                return

    def _raise_if_lost(self, number: int, patience: float = 0.0, cause: Exception | None = None) -> None:
        """Raise the error of another rank, or that it is lost; look for one for up to `patience` seconds."""
        ends = time.monotonic() + patience
        while True:
            for rank in range(1, self.size):
                key = f"error/{number}/{rank}"
                if self.store.check([key]):
                    told = json.loads(self.store.get(key))
                    kind = MachineTrouble if told["is_trouble"] else CadcError
                    raise kind(told["sentence"]) from cause
            if self.workers is not None and (lost := self.workers.lost()) is not None:
                raise MachineTrouble(f"{lost}; run the same command again to resume.") from cause
            if time.monotonic() >= ends:
                return
            time.sleep(0.02)

    def close(self, status: int = 0) -> None:
        """Let the other ranks end.

        Parameters
        ----------
        status : that processes end with which torchrun or srun started.
        """
        if self.workers is not None:
            self.workers.end()
            return
        with suppress(RuntimeError):
            self.store.set(f"job/{self._n_jobs}", json.dumps({"end": status}))
            # The store may be gone with this process.
            seen = [f"end/{rank}" for rank in range(1, self.size)]
            ends = time.monotonic() + ANSWER_S
            while not self.store.check(seen) and time.monotonic() < ends:
                time.sleep(0.02)
