"""Closed-form passes on workers of Ray, each of which holds some values of both fields."""

import platform
import secrets
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.errors import CadcError, MachineTrouble, NotTogether, reason
from cadc.factorization.examples import ExampleParts
from cadc.factorization.grouped import GroupedExamples, counts_of_both
from cadc.factorization.workers.partitions import read_partition, share_out, write_partitions
from cadc.factorization.workers.workers import Blockwise, Results, Step, Workers
from cadc.launchers.ray_session import ray_session
from cadc.paths import cache_dir
from cadc.provenance.fingerprint import code_hash
from cadc.provenance.threads import threads
from cadc.storage.cache_entries import BUILDING
from cadc.storage.lease import wait_for
from cadc.storage.under_lease import clear

MOST_LOSSES = 3
"""How often a worker is started anew; what is lost more often is out of memory, as a rule."""

Array = NDArray[Any]


class RayWorkers(Workers):
    """Workers of Ray: of one that runs (`RAY_ADDRESS`), or of one of this machine's own.

    The examples are written into Parquet files under `CADC_CACHE`, which all machines see; each worker keeps its own
    in memory, in 8 bytes each. In a pass, the parameters of a worker's values travel there and back, and those of the
    other field once to each machine. A worker that is lost is started anew, reads its files and does its blocks again.

    Parameters
    ----------
    n : number of workers, of one core each.
    """

    def __init__(self, n: int) -> None:
        self.n = n

    @contextmanager
    def grouped(self, examples: ExampleParts, sizes: Sequence[int]) -> Iterator[tuple[Blockwise, Blockwise]]:
        """Hold examples grouped by the ids of both fields, see `Workers.grouped`.

        Raises
        ------
        NotTogether : if Ray is not installed, or has fewer cores.
        MachineTrouble : if Ray has workers with another version of cadc.
        CadcError : if Ray does not answer.
        """
        try:
            import ray  # noqa: F401
        except ImportError as error:
            raise NotTogether(
                f"factorization.workers={self.n} needs Ray, which is not installed; run `pip install 'cadc[ray]'`, or "
                "set factorization.workers=0."
            ) from error
        counts = counts_of_both(examples, sizes)
        parts = [share_out(own, self.n) for own in counts]
        lease = wait_for(cache_dir() / "factors" / f"{BUILDING}partitions-{secrets.token_hex(8)}")
        try:
            paths, n_positive = write_partitions(examples, lease.folder.resolve(), parts, sizes)
            with ray_session({}), self._holders(paths, sizes) as holders:
                first, second = (OnRay(counts[side], n_positive, side, holders, parts[side]) for side in (0, 1))
                yield first, second
        finally:
            clear(lease)

    @contextmanager
    def _holders(self, paths: Sequence[Sequence[Path]], sizes: Sequence[int]) -> Iterator[list[Any]]:
        """Start the workers, and end them with the `with` block, so that a Ray that goes on has their cores again."""
        import ray

        if (n_cores := int(ray.cluster_resources().get("CPU", 0))) < self.n:
            raise NotTogether(
                f"factorization.workers={self.n} needs {self.n} cores, and Ray has {n_cores}; lower it, or start Ray "
                "on more machines."
            )
        remote = ray.remote(num_cpus=1, max_restarts=MOST_LOSSES, max_task_retries=MOST_LOSSES)(Holder)
        holders = [remote.remote(own, list(sizes)) for own in zip_longest(*paths)]
        try:
            _require_same_code(holders)
            yield holders
        finally:
            for holder in holders:
                ray.kill(holder)


class Holder:
    """What a worker of Ray does: it holds the examples of some values of both fields.

    Parameters
    ----------
    paths : file of its examples by each field, see `write_partitions`; None where it has none.
    sizes : number of values of both fields.
    """

    def __init__(self, paths: Sequence[Path | None], sizes: Sequence[int]) -> None:
        self._paths, self._sizes = paths, sizes
        self._read: dict[int, GroupedExamples] = {}

    def code(self) -> tuple[str, str]:
        """Return the hash of what this worker computes with, and the name of its machine."""
        return _own_code(), platform.node()

    def step(self, side: int, step: Step, own: Array, shared: Sequence[Array]) -> list[tuple[Array, tuple[Array, ...]]]:
        """Return the values of each of its blocks, and what a step returns of it; see `Blockwise.map`.

        Parameters
        ----------
        side : 0 for the values of the first field, 1 for those of the second one.
        step, shared : see `Blockwise.map`.
        own : parameters of its values, those with most examples first.
        """
        grouped = self._grouped(side)
        with threads(1):
            table = torch.zeros(len(grouped.counts), own.shape[1])
            table[grouped.values] = _tensor(own)
            found = grouped.map(step, table, [_tensor(array) for array in shared])
            return [(values.numpy(), tuple(result.numpy() for result in results)) for values, results in found]

    def _grouped(self, side: int) -> GroupedExamples:
        """Return the examples by one field, which are read once, and once more by a worker that was started anew."""
        path = self._paths[side]
        assert path is not None
        if side not in self._read:
            try:
                self._read[side] = read_partition(path, self._sizes[side], self._sizes[1 - side])
            except OSError as error:
                raise MachineTrouble(
                    f"{path} cannot be read on {platform.node()} ({reason(error)}); set CADC_CACHE to a folder that "
                    "all machines share."
                ) from error
        return self._read[side]


class OnRay(Blockwise):
    """The examples of one field on workers of Ray, see `Blockwise`.

    Parameters
    ----------
    counts : number of examples of each value, int64, shape [n_values].
    n_positive : number of examples with label 1.
    side : 0 for the first field, 1 for the second one.
    holders : the workers.
    parts : values of each of the first workers; further ones have none.
    """

    def __init__(
        self, counts: Tensor, n_positive: int, side: int, holders: Sequence[Any], parts: Sequence[Tensor]
    ) -> None:
        super().__init__(counts)
        self._n_positive, self._side, self._holders, self._parts = n_positive, side, holders, parts

    @property
    def n_positive(self) -> int:
        """Number of examples with label 1."""
        return self._n_positive

    def map(self, step: Step, own: Tensor, shared: Sequence[Tensor]) -> Iterator[tuple[Tensor, Results]]:
        """Yield the values of each block and what a step returns of it, see `Blockwise.map`.

        Raises
        ------
        MachineTrouble : if a worker is lost again and again.
        CadcError : if a step raises it.
        """
        import ray

        sent = ray.put([table.numpy() for table in shared])
        waited_for = [
            holder.step.remote(self._side, step, own[values].numpy(), sent)
            for holder, values in zip(self._holders, self._parts, strict=False)
        ]
        for answer in waited_for:
            for values, results in _answer(answer):
                yield _tensor(values), tuple(_tensor(result) for result in results)


def _answer(waited_for: Any) -> Any:
    """Return what workers answer; raise what went wrong there in one sentence."""
    import ray
    from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError, RayTaskError

    try:
        return ray.get(waited_for)
    except (RayActorError, OutOfMemoryError, NodeDiedError) as error:
        raise MachineTrouble(
            f"a worker of Ray that factorises was lost {MOST_LOSSES + 1} times; if it ran out of memory, raise "
            "factorization.workers. Run the same command again to resume."
        ) from error
    except RayTaskError as error:
        if isinstance(error.cause, CadcError):
            raise error.cause from error
        raise


def _require_same_code(holders: Sequence[Any]) -> None:
    for code, machine in _answer([holder.code.remote() for holder in holders]):
        if code != _own_code():
            raise MachineTrouble(
                f"cadc on {machine} is another version than here; install the same version everywhere."
            )


def _own_code() -> str:
    return code_hash(["cadc.factorization.logistic"])


def _tensor(array: Array) -> Tensor:
    """Return a tensor of an array of Ray's, which may only be read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(array))
