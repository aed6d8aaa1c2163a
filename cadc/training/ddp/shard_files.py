"""Rows of shared tables in files, of which each process writes its own, and any number of processes reads them."""

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed import all_gather_object

from cadc.distributed.ranks import Ranks
from cadc.errors import DamagedCheckpoint


def write_shards(rows: Mapping[str, Tensor], n_rows: Mapping[str, int], folder: Path, ranks: Ranks) -> dict[str, str]:
    """Write rows by `torch.distributed.checkpoint`, a safetensors file a process; all call it together.

    Parameters
    ----------
    rows : that this process holds, by name, shape [m, …].
    n_rows : of all processes together, by the same names.
    folder : an empty folder that all processes reach.
    ranks : that share the rows.

    Returns
    -------
    SHA-256 of each file, by its name.
    """
    from torch.distributed import checkpoint  # which takes long to import

    writer = checkpoint.HuggingFaceStorageWriter(str(folder), save_distributed=True)
    checkpoint.save(_distributed(rows, n_rows, ranks), storage_writer=writer)
    own = {path.name: _hash(path) for path in sorted(folder.glob(f"shard-{ranks.rank + 1:05d}-*"))}
    told: list[dict[str, str]] = [{} for _ in range(ranks.size)]
    all_gather_object(told, own)
    return {name: digest for part in told for name, digest in part.items()}


def read_shards(rows: Mapping[str, Tensor], n_rows: Mapping[str, int], folder: Path, ranks: Ranks) -> None:
    """Fill tensors, in place, with the rows that this process holds now, whoever wrote them.

    Parameters
    ----------
    rows, n_rows, folder, ranks : see `write_shards`; one rank alone reads all rows.
    """
    from torch.distributed import checkpoint

    reader = checkpoint.HuggingFaceStorageReader(str(folder))
    if ranks.is_alone:
        with warnings.catch_warnings():
            # That this process reads by itself.
            warnings.simplefilter("ignore", UserWarning)
            checkpoint.load(dict(rows), storage_reader=reader, no_dist=True)
    else:
        checkpoint.load(_distributed(rows, n_rows, ranks), storage_reader=reader)


def require_whole(files: Mapping[str, str], folder: Path, ranks: Ranks) -> None:
    """Check the files that `write_shards` wrote, each by one of the processes.

    Raises
    ------
    DamagedCheckpoint : if one is not what was written.
    """
    own = list(files.items())[ranks.rank :: ranks.size]
    n_wrong = torch.tensor([sum(_hash(folder / name) != digest for name, digest in own)])
    if ranks.sum_(n_wrong).item():
        raise DamagedCheckpoint(
            f"{int(n_wrong)} of {len(files)} files of the checkpoint in {folder} are damaged or missing; delete "
            f"{folder.parent} to start this run from its beginning."
        )


def _distributed(rows: Mapping[str, Tensor], n_rows: Mapping[str, int], ranks: Ranks) -> dict[str, Tensor]:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Shard

    mesh = init_device_mesh("cpu", (ranks.size,))
    found: dict[str, Tensor] = {}
    for name, own in rows.items():
        shape = torch.Size((n_rows[name], *own.shape[1:]))
        stride = torch.empty(shape, device="meta").stride()
        found[name] = DTensor.from_local(own.cpu(), mesh, [Shard(0)], run_check=False, shape=shape, stride=stride)
    return found


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
