"""Functions that several processes of one group carry out together."""

import os
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from cadc.distributed.ranks import joined


def on_ranks(n_processes: int, folder: Path, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Return what a function returns in each process of a gloo group, tensors and plain values, by rank.

    There `current_ranks` are those of the group. The processes are forks of this one, so that the function may be a
    closure.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_hex(4)
    children = [_fork(rank, n_processes, folder, secret, function, arguments) for rank in range(n_processes)]
    for child in children:
        os.waitpid(child, 0)
    found = []
    for rank in range(n_processes):
        path = folder / f"{rank}.pt"
        assert path.exists(), f"rank {rank} died without a word"
        what = torch.load(path, weights_only=True)
        path.unlink()
        assert "error" not in what, what["error"]
        found.append(what["value"])
    return found


def _fork(
    rank: int, n_processes: int, folder: Path, secret: str, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> int:
    child = os.fork()
    if child:
        return child
    try:
        torch.set_num_threads(1)
        store = dist.FileStore(str(folder / f"store-{secret}"), n_processes)
        with joined(store, rank, n_processes, torch.device("cpu")):
            what = {"value": function(*arguments)}
    except BaseException:
        what = {"error": traceback.format_exc()}
    torch.save(what, folder / f"{rank}.pt.partial")
    (folder / f"{rank}.pt.partial").replace(folder / f"{rank}.pt")
    os._exit(0)
