"""Whether two processes of this machine can train one run together: they exchange something over gloo."""

import sys
import time
from threading import Timer

import torch

from cadc.diagnosis.finding import Finding
from cadc.distributed.follower import Join, end_with_standard_input, follow
from cadc.distributed.leader import Leader
from cadc.distributed.placement import own_placement
from cadc.distributed.ranks import Ranks
from cadc.errors import CadcError, one_line

N_NUMBERS = 1 << 20
"""Numbers of float32 that are summed: the gradients of a small network."""
LIMIT_S = 30.0
"""Seconds that the exchange may take, the start of the other process included."""
CPU = torch.device("cpu")


def check_exchange(limit: float = LIMIT_S, module: str = __name__) -> Finding:
    """Start a second process, exchange numbers with it, and return whether they arrived.

    Parameters
    ----------
    limit : seconds after which it is given up.
    module : whose `main` the other process runs.
    """
    advice = "let processes connect to 127.0.0.1, or name a network by GLOO_SOCKET_IFNAME=lo; trainer.devices=1 works"
    started = time.perf_counter()
    try:
        leader = Leader.of_local(module, 2)
    except (OSError, RuntimeError) as error:
        return Finding("exchange", "wrong", f"no second process can be started: {one_line(str(error))}", advice)
    assert leader.workers is not None
    # Without the other process, every wait for it ends with an error.
    timer = Timer(limit, leader.workers.stop)
    timer.start()
    try:
        with leader.together({}, CPU) as ranks:
            seconds = exchange(ranks)
    except (CadcError, RuntimeError) as error:
        is_late = time.perf_counter() - started >= limit
        why = f"they did not within {limit:g} s" if is_late else one_line(str(error))
        return Finding("exchange", "wrong", f"two processes were to exchange numbers over gloo: {why}", advice)
    finally:
        timer.cancel()
        timer.join()
        leader.close()
    rate = N_NUMBERS * 4 / seconds / 1e6
    return Finding("exchange", "ok", f"two processes sum {N_NUMBERS:,} numbers over gloo, {rate:,.0f} MB/s")


def exchange(ranks: Ranks) -> float:
    """Sum numbers and gather rows over two ranks, and return the seconds that a sum takes.

    Raises
    ------
    CadcError : if other numbers arrive than were sent.
    """
    ranks.sum_(torch.zeros(1))  # the first exchange opens connections
    own = torch.arange(N_NUMBERS, dtype=torch.float32) * (ranks.rank + 1)
    started = time.perf_counter()
    ranks.sum_(own)
    seconds = time.perf_counter() - started
    (rows,) = ranks.all_rows(torch.full((ranks.rank + 1, 1), float(ranks.rank)))
    if not torch.equal(own, torch.arange(N_NUMBERS, dtype=torch.float32) * 3) or rows.flatten().tolist() != [0, 1, 1]:
        raise CadcError("other numbers arrived than were sent")
    return seconds


def main() -> None:
    """Take part in the exchange, as the second process."""
    end_with_standard_input()
    place = own_placement()
    assert place is not None

    def carry_out(job: object, join: Join) -> None:
        with join(CPU) as ranks:
            exchange(ranks)

    sys.exit(follow(place, carry_out, lambda error: (str(error), True)))
