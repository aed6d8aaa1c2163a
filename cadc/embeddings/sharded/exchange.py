"""Rows of a sharded table, fetched from the processes that hold them; their gradients are sent back."""

from typing import Any

import torch
from torch import Tensor
from torch.distributed import ProcessGroup, all_to_all_single

from cadc.embeddings.coding.rows import summed_by_row
from cadc.embeddings.sharded.placement import Placement


class Exchange:
    """Fetches rows from all processes of a group, which call it together, each for rows of its own.

    A process asks for each row once, however often its batch holds it, and sends one gradient for it. So bytes grow
    with the different rows of a batch, and not with the number of processes, as they do where every process sees the
    ids of all and adds up their vectors.

    Parameters
    ----------
    placement : of the table's rows.
    group : the processes.

    Attributes
    ----------
    n_bytes : bytes that this process sent to others so far.
    scale : factor of the gradients that are sent back, 1 where a process's loss is its part of the sum of all.
    """

    def __init__(self, placement: Placement, group: ProcessGroup) -> None:
        self.placement, self.group = placement, group
        self.rank = group.rank()
        self.n_bytes, self.scale = 0, 1.0

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
        all_to_all_single(received, sent.contiguous(), n_received, n_sent, group=self.group)
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
        received = exchange.swap(gradients[0], context.n_asked, context.n_wanted)
        if exchange.scale != 1:
            received = received * exchange.scale
        # Those of a row are added in the order of the processes, so that the same run has the same bits.
        rows, sums = summed_by_row(wanted, received)
        if context.sparse:
            found = torch.sparse_coo_tensor(
                rows.unsqueeze(0), sums, context.shape, is_coalesced=True, check_invariants=False
            )
            return found, None, None, None
        return received.new_zeros(context.shape).index_copy_(0, rows, sums), None, None, None
