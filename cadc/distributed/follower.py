"""A process that follows the one that leads: it waits for jobs, takes part in each, and tells what went wrong."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

import torch
import torch.distributed as dist

from cadc.distributed.leader import store_of
from cadc.distributed.placement import Placement
from cadc.distributed.ranks import Ranks, is_of_an_exchange, joined
from cadc.errors import MachineTrouble

LOST = 3
"""Exit status of a process that has lost the one that leads."""

PAUSE_S = 0.05
"""Seconds between two looks for the next job."""

Join = Callable[[torch.device], AbstractContextManager[Ranks]]
"""Waits for all ranks to be ready for a job, and joins them."""

CarryOut = Callable[[Mapping[str, Any], Join], None]
"""Does a rank's part of a job."""


def end_with_standard_input() -> None:
    """End this process as soon as the one that started it has ended, and leave Ctrl-C to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        with suppress(OSError):
            os.read(0, 1)
        os._exit(LOST)

    threading.Thread(target=wait, daemon=True).start()


def follow(place: Placement, carry_out: CarryOut, told: Callable[[Exception], tuple[str, bool]]) -> int:
    """Take part in jobs until there are no more; return the exit status of the process that leads.

    Parameters
    ----------
    place : of this process.
    carry_out : does its part of a job.
    told : returns the sentence of an error, and whether it says that something outside the run went wrong.

    Raises
    ------
    MachineTrouble : if the process that leads is lost.
    """
    store = store_of(place)
    for number, job in _jobs(store):
        if "end" in job:
            with suppress(RuntimeError):
                store.set(f"end/{place.rank}", "1")
            return int(job["end"])
        _take_part(store, place, number, job, carry_out, told)
    raise AssertionError("there is always another job")


def _take_part(
    store: dist.Store,
    place: Placement,
    number: int,
    job: Mapping[str, Any],
    carry_out: CarryOut,
    told: Callable[[Exception], tuple[str, bool]],
) -> None:
    def join(device: torch.device) -> AbstractContextManager[Ranks]:
        store.set(f"ready/{number}/{place.rank}", "1")
        return joined(dist.PrefixStore(f"group/{number}", store), place.rank, place.size, device)

    try:
        carry_out(job, join)
    except Exception as error:
        if is_of_an_exchange(error):
            return  # which the process that leads has ended, or another one's end; it says so
        sentence, is_trouble = told(error)
        store.set(f"error/{number}/{place.rank}", json.dumps({"sentence": sentence, "is_trouble": is_trouble}))


def _jobs(store: dist.Store) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield jobs and their numbers, as they are handed out."""
    number = 0
    while True:
        try:
            # Asked again and again, since a store that is waited for says so in the log of each wait that ends.
            while not store.check([f"job/{number}"]):
                time.sleep(PAUSE_S)
            job = json.loads(store.get(f"job/{number}"))
        except RuntimeError as error:
            raise MachineTrouble("the process that leads the run has ended; its own message says why.") from error
        yield number, job
        number += 1
