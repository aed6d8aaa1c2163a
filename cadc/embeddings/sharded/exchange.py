"""Rows of a sharded table, fetched from the processes that hold them; their gradients are sent back."""

from typing import Any

import torch
from torch import Tensor
from torch.distributed import all_to_all_single

from cadc.embeddings.coding.rows import summed_by_row
from cadc.embeddings.sharded.row_placement import RowPlacement


class Exchange:
    """Fetches rows from all processes of torch's default group, which call it together, each for rows of its own.

    A process asks for each row once, however often its batch holds it, and sends one gradient for it. So bytes grow
    with the different rows of a batch, and not with the number of processes, as they do where every process sees the
    ids of all and adds up their vectors.

    Parameters
    ----------
    placement : of the table's rows.
    rank : number of this process.

    Attributes
    ----------
    n_bytes : bytes that this process sent to others so far.
    """

    def __init__(self, placement: RowPlacement, rank: int) -> None:
        self.placement, self.rank, self.n_bytes = placement, rank, 0

    def fetch(self, shard: Tensor, places: Tensor, sparse: bool) -> Tensor:
        """Return the vectors at some places of the table, shape [n, d].

        Parameters
        ----------
        shard : the vectors at the places that this process holds, shape [m, d].
        places : different ones in ascending order, int64, shape [n].
        sparse : whether the gradient of the shard holds the rows that were looked up alone.
        """
        fetched: Tensor = _Fetch.apply(shard, places, sparse, self)
        return fetched

    def swap(self, sent: Tensor, n_sent: list[int], n_received: list[int]) -> Tensor:
        """Return what the processes send to this one, which sends its parts to them, shape [Σ n_received, …]."""
        received = sent.new_empty(sum(n_received), *sent.shape[1:])
        all_to_all_single(received, sent.contiguous(), n_received, n_sent)
        own = n_sent[self.rank]
        self.n_bytes += (len(sent) - own) * (sent[:1].numel() * sent.itemsize if len(sent) else 0)
        return received


class _Fetch(torch.autograd.Function):
    """Places to their holders, vectors back; in the gradient, gradients to the holders."""

    @staticmethod
    def forward(context: Any, shard: Tensor, places: Tensor, sparse: bool, exchange: Exchange) -> Tensor:
        placement = exchange.placement
        asked = placement.sent_to(places)
        ones = [1] * placement.n_processes
        n_asked, n_wanted = asked.tolist(), exchange.swap(asked, ones, ones).tolist()
        # Counted from the first place of their holder, they fit into four bytes.
        local = (places % placement.size).int()
        wanted = exchange.swap(local, n_asked, n_wanted).long()
        context.save_for_backward(wanted)
        context.exchange, context.sparse, context.shape = exchange, sparse, shard.shape
        context.n_asked, context.n_wanted = n_asked, n_wanted
        return exchange.swap(shard.index_select(0, wanted), n_wanted, n_asked)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        exchange, (wanted,) = context.exchange, context.saved_tensors
        gradient = gradients[0]
        # A sparse one holds every row, since each was looked up.
        dense = gradient.coalesce().values() if gradient.is_sparse else gradient
        received = exchange.swap(dense, context.n_asked, context.n_wanted)
        # Each process sends its part of the sum. They are added in the order of processes, so that bits repeat.
        rows, sums = summed_by_row(wanted, received)
        if context.sparse:
            found = torch.sparse_coo_tensor(
                rows.unsqueeze(0), sums, context.shape, is_coalesced=True, check_invariants=False
            )
            return found, None, None, None
        return received.new_zeros(context.shape).index_copy_(0, rows, sums), None, None, None
