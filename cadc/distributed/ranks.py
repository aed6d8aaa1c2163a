"""Ranks: processes that work on one model together, and what they exchange.

The process group is torch's default one, so that whatever builds on `torch.distributed`, such as DTensor and
`torch.distributed.device_mesh.init_device_mesh`, finds it inside a `joined` block. `current_ranks()` returns this
process's view of it anywhere below, or a single rank outside. Who starts the processes is told in
`cadc.distributed.leader`.
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from cadc.distributed.portion import Portion
from cadc.errors import CadcError

TIMEOUT = timedelta(minutes=30)
"""Time that a rank waits for the others in an exchange, such as for the first one to write a checkpoint."""


class Ranks:
    """The ranks of a process group, seen from one of them; one alone exchanges nothing.

    Every method that exchanges something must be called by all ranks, in the same order.

    Parameters
    ----------
    rank, size : number of this rank, from 0, and of all of them.
    device : that this rank computes on.
    hosts, devices : of each rank.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        device: torch.device | None = None,
        hosts: Sequence[str] = (),
        devices: Sequence[str] = (),
    ) -> None:
        self.rank, self.size, self.device = rank, size, device or torch.device("cpu")
        self.hosts, self.devices = list(hosts), list(devices)

    @property
    def is_alone(self) -> bool:
        """Whether there is no other rank."""
        return self.size == 1

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that leads the run: it alone writes, logs and decides."""
        return self.rank == 0

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the ranks."""
        return {
            "strategy": "ddp",
            "backend": "nccl" if self.device.type == "cuda" else "gloo",
            "world_size": self.size,
            "machines": len(set(self.hosts)),
            "devices": list(self.devices),
        }

    def portion(self, n_rows: int) -> Portion:
        """Return what this rank takes of `n_rows` rows."""
        return Portion.of_rank(self.rank, self.size, n_rows)

    def sum_(self, values: Tensor) -> Tensor:
        """Replace values, of one shape on all ranks, by their sum over ranks, the same bits on each."""
        if not self.is_alone:
            dist.all_reduce(values)
        return values

    def first_says(self, is_so: bool) -> bool:
        """Return the answer of the first rank to a question, as whether to stop."""
        if self.is_alone:
            return is_so
        answer = torch.tensor([int(is_so)])
        dist.broadcast(answer, 0)
        return bool(answer)

    def numbers_of_first(self, compute: Callable[[], Mapping[str, float]]) -> dict[str, float]:
        """Return numbers by name that the first rank alone computes."""
        if self.is_alone:
            return dict(compute())
        found = [dict(compute()) if self.is_first else {}]
        dist.broadcast_object_list(found, 0, device=torch.device("cpu"))
        return found[0]

    def bytes_of_first(self, data: bytes | None) -> bytes | None:
        """Return what the first rank has: bytes, or None."""
        if self.is_alone:
            return data
        size = torch.tensor([-1 if data is None else len(data)])
        dist.broadcast(size, 0)
        if int(size) < 0:
            return None
        content = torch.empty(int(size), dtype=torch.uint8)
        if self.is_first:
            content = torch.frombuffer(bytearray(data or b""), dtype=torch.uint8)
        dist.broadcast(content, 0)
        return content.numpy().tobytes()

    def copy_first_(self, values: Sequence[Tensor]) -> None:
        """Give all ranks the values of the first one, in place; their shapes must be the same."""
        for value in () if self.is_alone else values:
            # As bytes, since gloo does not know all types.
            whole = value.contiguous()
            dist.broadcast(whole.reshape(-1).view(torch.uint8), 0)
            value.copy_(whole)

    def all_rows(self, *rows: Tensor) -> list[Tensor]:
        """Return the rows of all ranks, rank by rank: of tensors [n_rank, …] each, tensors [Σ n_rank, …]."""
        if self.is_alone:
            return list(rows)
        return [
            torch.cat([part[:n] for part, n in zip(self._padded(own, max(n_each)), n_each, strict=True)])
            for own, n_each in zip(rows, self._lengths([len(own) for own in rows]), strict=True)
        ]

    def _padded(self, rows: Tensor, n: int) -> list[Tensor]:
        """Return the rows of each rank, with zeros up to n rows."""
        padded = _with_zeros(rows, n)
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return parts

    def in_place(self, places: Tensor, values: Tensor, n_rows: int) -> Tensor:
        """Return the values of all rows at the first rank, and those of its own rows, NaN elsewhere, at the others.

        Parameters
        ----------
        places : of the rows of this rank, int64, shape [n].
        values : of these rows, float64, on the CPU, shape [n, k].
        n_rows : N, of all ranks.

        Returns
        -------
        values : float64, shape [N, k].

        Raises
        ------
        CadcError : if a row is missing, or is there twice.
        """
        found = values.new_full((n_rows, values.shape[1]), torch.nan)
        if not self.is_alone:
            # Numbers of rows are exact in float64, so that they travel with the values.
            sent = self._at_first(torch.cat([places.double().unsqueeze(1), values], 1))
            if self.is_first:
                places, values = sent[:, 0].long(), sent[:, 1:]
        if self.is_first and not torch.equal(places.sort().values, torch.arange(n_rows)):
            n_found = len(torch.unique(places))
            raise CadcError(
                f"{self.size} processes scored {len(places)} rows, {n_found} of them different; expected each of "
                f"{n_rows} once. This is an error of cadc; please report it."
            )
        found[places] = values
        return found

    def _at_first(self, rows: Tensor) -> Tensor:
        """Return the rows of all ranks at the first one, shape [Σ n, k]; nothing at the others."""
        (n_each,) = self._lengths([len(rows)])
        padded = _with_zeros(rows, max(n_each))
        parts = [torch.empty_like(padded) for _ in n_each] if self.is_first else None
        dist.gather(padded, parts, 0)
        return rows[:0] if parts is None else torch.cat([part[:n] for part, n in zip(parts, n_each, strict=True)])

    def _lengths(self, own: Sequence[int]) -> list[list[int]]:
        """Return, for each of some numbers, those of all ranks."""
        of_ranks = [torch.zeros(len(own), dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(of_ranks, torch.tensor(own))
        return torch.stack(of_ranks, 1).tolist()


def _with_zeros(rows: Tensor, n: int) -> Tensor:
    """Return rows with zeros behind them up to n rows, since all ranks send equally many."""
    padded = rows.new_zeros(n, *rows.shape[1:])
    padded[: len(rows)] = rows
    return padded


def is_of_an_exchange(error: BaseException) -> bool:
    """Tell whether an error says that ranks could not exchange something, as when one has ended."""
    if isinstance(error, CadcError):
        return False
    words = ("gloo", "Connection closed", "Connection reset", "Broken pipe", "NCCL", "TCPStore")
    is_like_it = isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    return isinstance(error, dist.DistError) or is_like_it


ALONE = Ranks()

_ranks: ContextVar[Ranks] = ContextVar("ranks", default=ALONE)


def current_ranks() -> Ranks:
    """Return the ranks that this process works with: one alone outside a `joined` block."""
    return _ranks.get()


@contextmanager
def joined(store: dist.Store, rank: int, size: int, device: torch.device) -> Iterator[Ranks]:
    """Make this process a rank of torch's default process group inside a `with` block.

    Exchanges of CPU tensors go over gloo, those of CUDA tensors over NCCL.

    Parameters
    ----------
    store : that all ranks reach, with a prefix that no earlier group had.
    rank, size : of this process, and of all.
    device : of this process; each rank on a machine has its own where it is a GPU.

    Raises
    ------
    CadcError : if the process is part of another process group.
    """
    if dist.is_initialized():
        raise CadcError(
            "this process is part of a process group of torch.distributed already; end it with "
            "torch.distributed.destroy_process_group() first."
        )
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        told: list[Any] = [None] * size
        dist.all_gather_object(told, (socket.gethostname(), str(device)))
        found = Ranks(rank, size, device, [host for host, _ in told], [name for _, name in told])
        before = _ranks.set(found)
        try:
            yield found
        finally:
            _ranks.reset(before)
    finally:
        dist.destroy_process_group()
