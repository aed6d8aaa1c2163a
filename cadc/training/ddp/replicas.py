"""Training steps that several ranks take together, each with its portion of the batch: DDP, exactly.

Every rank has the whole model, the same weights and the same optimiser. The loss of a rank is that of its rows times
their share of the batch, so that the sum of the gradients of all ranks is that of the mean over the batch, however many
rows each rank has. The sums have the same bits on all ranks, and so have the weights after each step.

This is a loop over the all-reduce of `torch.distributed` in place of `DistributedDataParallel`, which Lightning's
strategy wraps as well: that one takes the mean over ranks, whose portions differ in the last batch; reduces while
gradients are computed, which a penalty beside the gradients is not part of; and over NCCL has no sum of sparse
gradients. Lightning's launchers run the whole program in each process, and so prepare and record as many times.
"""

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from cadc.distributed.ranks import Ranks
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.embeddings.sharded.table import sharded_weights
from cadc.errors import MachineTrouble
from cadc.training.ddp.row_dropout import RowDropout
from cadc.training.random_state import share_random_state

LARGE = 1 << 20
"""Numbers of a gradient from which on it is summed by itself, not copied into a bucket with others."""


class Replicas:
    """The gradients of one model on several ranks.

    Parameters
    ----------
    model : on its device; the same on all ranks, but for tables that they share.
    ranks : that train it.
    """

    def __init__(self, model: nn.Module, ranks: Ranks) -> None:
        self.model, self.ranks = model, ranks
        self.dropout = RowDropout(model)
        self._shared = sharded_weights(model)
        """Ids of the weights of which each rank has its own rows, whose gradients are summed in look-ups."""
        self._weights = [w for w in model.parameters() if w.requires_grad and id(w) not in self._shared]

    def begin(self, rows: Tensor) -> None:
        """Give all ranks the weights and the random generators of the first one.

        Parameters
        ----------
        rows : numbers of the training rows, shape [n].

        Raises
        ------
        MachineTrouble : if the ranks have different rows, or models.
        """
        drawn = hashlib.sha256(rows.contiguous().numpy().data).digest()
        if self.ranks.bytes_of_first(drawn) != drawn:
            raise MachineTrouble(
                f"process {self.ranks.rank} of the training drew other rows than the first one; install the same "
                "versions of all packages everywhere."
            )
        state = [w for w in (*self.model.parameters(), *self.model.buffers()) if id(w) not in self._shared]
        shapes = "\n".join(f"{tuple(value.shape)} {value.dtype}" for value in state).encode()
        if self.ranks.bytes_of_first(shapes) != shapes:
            raise MachineTrouble(
                f"process {self.ranks.rank} of the training has a model of other shapes than the first one; install "
                "the same version of cadc everywhere, and share CADC_DATA_DIR and CADC_CACHE."
            )
        with torch.no_grad():
            self.ranks.copy_first_([value.detach() for value in state if value.numel()])
        share_random_state(self.ranks)

    def sum_gradients(self, loss: Tensor) -> Tensor:
        """Replace the gradients of all ranks by their sum, and return the sum of their losses, shape []."""
        gradients, total = self.summed([weight.grad for weight in self._weights], self._weights, loss)
        for weight, gradient in zip(self._weights, gradients, strict=True):
            weight.grad = gradient
        return total

    def summed_unless_shared(
        self, gradients: Sequence[Tensor | None], weights: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """Return the sums over ranks of gradients, those of shared weights as they are, which look-ups have summed."""
        replicated = [n for n, weight in enumerate(weights) if id(weight) not in self._shared]
        found = list(gradients)
        if replicated:
            own = [weights[n] for n in replicated]
            sums, _ = self.summed([found[n] for n in replicated], own, own[0].new_zeros(()))
            for n, total in zip(replicated, sums, strict=True):
                found[n] = total
        return found

    def bytes_in_all(self, of_weights: Mapping[int, int]) -> int:
        """Return the sum of bytes by the id of a weight; those of weights that ranks share are added over ranks."""
        shared = sum(n_bytes for number, n_bytes in of_weights.items() if number in self._shared)
        in_all = int(self.ranks.sum_(torch.tensor([shared])))
        return sum(of_weights.values()) - shared + in_all

    def summed(
        self, gradients: Sequence[Tensor | None], weights: Sequence[Tensor], beside: Tensor
    ) -> tuple[list[Tensor | None], Tensor]:
        """Return the sums over ranks of gradients, and of a number.

        Parameters
        ----------
        gradients : of the weights, None for one that the loss does not depend on; its sum is None where all are.
        weights : of the gradients, none of which is shared.
        beside : the number, shape [].
        """
        # A rank whose rows look nothing up in a table has no gradient, and takes part all the same.
        of_rows = [
            id(weight) in self._of_rows if gradient is None else gradient.is_sparse
            for gradient, weight in zip(gradients, weights, strict=True)
        ]
        filled = [
            torch.zeros_like(weight) if gradient is None and not sparse else gradient
            for gradient, weight, sparse in zip(gradients, weights, of_rows, strict=True)
        ]
        small = {n for n, weight in enumerate(weights) if weight.numel() < LARGE and not of_rows[n]}
        is_there = beside.new_tensor([float(gradient is not None) for gradient in gradients])
        flat = [own.reshape(-1).to(beside) for n, own in enumerate(filled) if own is not None and n in small]
        bucket = self.ranks.sum_(torch.cat([beside.reshape(1), is_there, *flat]))
        counts, rest = bucket[1 : 1 + len(weights)].tolist(), bucket[1 + len(weights) :]
        found: list[Tensor | None] = []
        for n, (weight, own) in enumerate(zip(weights, filled, strict=True)):
            if n in small:
                own, rest = rest[: weight.numel()].view_as(weight).to(weight), rest[weight.numel() :]
            elif counts[n] and of_rows[n]:
                own = self._summed_rows(weight, own)
            elif counts[n] and own is not None:
                own = self.ranks.sum_(own.contiguous())
            found.append(own if counts[n] else None)
        return found, bucket[0]

    @property
    def _of_rows(self) -> set[int]:
        """Ids of the weights whose gradients hold rows alone."""
        tables = (module for module in self.model.modules() if isinstance(module, UncompressedTable))
        return {id(table.weight) for table in tables if table.sparse_gradient}

    def _summed_rows(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """Return the sum over ranks of a gradient of rows, each row once, in ascending order."""
        if gradient is None:
            rows, values = (
                torch.empty(0, dtype=torch.int64, device=weight.device),
                weight.new_empty(0, *weight.shape[1:]),
            )
        else:
            rows, values = gradient._indices()[0], gradient._values()
        rows, values = self.ranks.all_rows(rows, values)
        return torch.sparse_coo_tensor(rows.unsqueeze(0), values, weight.shape).coalesce()
