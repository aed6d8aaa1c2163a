"""The program of one rank in tests; its arguments are FUNCTION RANK SIZE PORT FOLDER OPTIONS."""

import importlib
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from cadc.distributed import joined
from cadc.provenance.threads import threads


def main() -> None:
    """Join the other ranks, call the function `MODULE:NAME`, and write what it returns to `FOLDER/RANK.json`."""
    function, rank, size, port, folder, options = sys.argv[1:]
    module, _, name = function.partition(":")
    call = vars(importlib.import_module(module))[name]
    store = dist.TCPStore("127.0.0.1", int(port), is_master=False)
    with threads(1), joined(store, int(rank), int(size), torch.device("cpu")) as ranks:
        found = call(ranks, **json.loads(options))
    Path(folder, f"{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
