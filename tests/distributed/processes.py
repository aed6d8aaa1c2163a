"""Real processes for tests of ranks."""

import json
import multiprocessing
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist

from cadc.distributed import joined
from cadc.provenance.threads import threads

SECONDS = 120
"""After which a rank that hangs is given up."""


def _begin(call: Callable[..., Any], rank: int, size: int, port: int, folder: str, options: dict[str, Any]) -> None:
    store = dist.TCPStore("127.0.0.1", port, is_master=False)
    try:
        with threads(1), joined(store, rank, size, torch.device("cpu")) as ranks:
            found = call(ranks, **options)
    except BaseException as error:
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}"}
    Path(folder, f"{rank}.json").write_text(json.dumps(found))


def on_ranks(call: Callable[..., Any], size: int, **options: Any) -> list[Any]:
    """Return what a function returns in each of `size` processes that exchange over gloo, or `{"error": …}`.

    It is called with the `Ranks` and the options, and returns values that JSON can hold. The processes are forked from
    that of the tests, which has loaded what they import.
    """
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    fork = multiprocessing.get_context("fork")
    with TemporaryDirectory() as folder:
        processes = [
            fork.Process(target=_begin, args=(call, rank, size, store.port, folder, options)) for rank in range(size)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(SECONDS)
            if process.is_alive():
                process.kill()
        return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(size)]
