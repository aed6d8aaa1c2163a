"""The rows that each process of a Trainer of one's own gets: every row once, in whatever strategy."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from cadc.distributed.portion import Portion

UNEVEN, STAND_IN = 1, 2
"""Kinds of places: of a batch whose portions differ by a row, and of a row that another process has as well."""


class DealtRows(DistributedSampler[int]):
    """Deals the places of n rows out to the ranks of a Trainer: its portion of each global batch, without repetition.

    The order is that of one process whose batches are as large as those of all ranks together. All ranks take as many
    steps, as DDP needs: where the last global batch has no row for one, it gets the first of that batch as a stand-in.

    It is a `DistributedSampler`, so that Lightning puts none of its own in its place, which would repeat rows to deal
    them out evenly. A place p of n rows is p, or p + n `UNEVEN`, or p + n `STAND_IN`.

    Parameters
    ----------
    rows : that are dealt out.
    batch_size : rows of a batch of each rank.
    rank, size : of this process, and number of processes.
    order : yields the places of an epoch, the same on all ranks; None keeps their order.
    stands_in : whether all ranks must take as many steps.
    """

    def __init__(
        self,
        rows: Dataset[object],
        batch_size: int,
        rank: int,
        size: int,
        order: Iterable[int] | None = None,
        stands_in: bool = True,
    ) -> None:
        super().__init__(rows, num_replicas=size, rank=rank, shuffle=False)
        self.n_rows = len(rows)  # type: ignore[arg-type]
        self.batch_size, self.order, self.stands_in = batch_size * size, order, stands_in

    def __len__(self) -> int:
        n_even, rest = divmod(self.n_rows, self.batch_size)
        own = Portion.of_rank(self.rank, self.num_replicas, rest).n
        n = n_even * self.batch_size // self.num_replicas + own
        return n + (1 if rest and not own and self.stands_in else 0)

    def __iter__(self) -> Iterator[int]:
        order = torch.arange(self.n_rows) if self.order is None else torch.tensor(list(self.order))
        n_even = self.n_rows // self.batch_size * self.batch_size
        # Each whole batch is a row of ranks, which have equal portions.
        even = order[:n_even].view(-1, self.num_replicas, self.batch_size // self.num_replicas)[:, self.rank]
        yield from even.flatten().tolist()
        last = order[n_even:]
        own = Portion.of_rank(self.rank, self.num_replicas, len(last))
        if own.n:
            is_uneven = len(last) % self.num_replicas > 0
            yield from (last[own.first : own.end] + self.n_rows * UNEVEN * is_uneven).tolist()
        elif len(last) and self.stands_in:
            yield int(last[0]) + self.n_rows * STAND_IN

    def plain(self, places: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return the places of rows, int64, and their weights, float32, where the mean of ranks needs any; shape [B].

        DDP takes the mean over ranks of the means over their rows, which is that over all rows where each row of a rank
        weighs in proportion to its portion.
        """
        given = torch.as_tensor(places)
        if not len(given) or int(given.max()) < self.n_rows:
            return given, None
        weights = torch.zeros(len(given))
        if int(given[0]) < STAND_IN * self.n_rows:
            weights += self.num_replicas * len(given) / (self.n_rows % self.batch_size)
        return given % self.n_rows, weights
