"""Real processes for tests of ranks."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch.distributed as dist

from cadc.paths import PACKAGE


def on_ranks(function: str, size: int, **options: Any) -> list[Any]:
    """Return what a function, `module:name`, returns in each of `size` processes that exchange over gloo.

    It is called with the `Ranks` and the options.
    """
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    program = [sys.executable, "-m", "tests.distributed.rank_program", function]
    with TemporaryDirectory() as folder:
        processes = [
            subprocess.Popen(
                [*program, str(rank), str(size), str(store.port), folder, json.dumps(options)], cwd=PACKAGE.parent
            )
            for rank in range(size)
        ]
        assert [process.wait(120) for process in processes] == [0] * size
        return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(size)]
