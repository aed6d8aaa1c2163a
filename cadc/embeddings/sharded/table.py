"""The uncompressed table whose rows lie in several processes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from cadc.data.batch import Bag
from cadc.data.schema import Field
from cadc.distributed.ranks import Ranks
from cadc.embeddings.base.row_blocks import ComputedRows, DrawnRows, RowBlocks, require_targets
from cadc.embeddings.coding.look_up import looked_up
from cadc.embeddings.coding.rows import CHUNK, means_of_rows
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.embeddings.sharded.exchange import Exchange
from cadc.embeddings.sharded.row_placement import RowPlacement
from cadc.randomness import child_generator


class ShardedTable(UncompressedTable):
    """The rows of several fields, stacked, of which each process holds a part, its own state of the optimiser with it.

    A look-up of all fields of a batch is one exchange: vectors of the different rows that the batch holds come from
    their processes, and one gradient for each goes back in the backward pass. All processes look up
    together and equally often, one with nothing to look up an empty batch.

    Parameters
    ----------
    fields, dim : see `UncompressedTable`; numbers are float32.
    ranks : that share the rows; they look up over torch's default process group.

    Attributes
    ----------
    weight : the vectors at the places that this process holds, see `RowPlacement`.

    Raises
    ------
    UsageError : for more processes than rows.
    """

    served_by = UncompressedTable

    def __init__(self, fields: Sequence[Field], dim: int, ranks: Ranks) -> None:
        placement = RowPlacement(sum(field.vocabulary_size for field in fields), ranks.size)
        super().__init__(fields, dim, n_kept=len(placement.held(ranks.rank)))
        self.placement = placement
        self.exchange = Exchange(placement, ranks.rank)

    @property
    def held_rows(self) -> Tensor:
        """Rows of the table that this process holds, in the order of `weight`, int64, shape [m]."""
        held = self.placement.held(self.exchange.rank)
        return self.placement.rows(torch.arange(held.start, held.stop))

    @torch.no_grad()
    def initialise_from(
        self,
        targets: Sequence[Tensor | RowBlocks | None],
        weights: Sequence[Tensor] | None = None,
        std: float = 0.05,
        generator: torch.Generator | None = None,
    ) -> None:
        """Start from the rows of dense targets that this process holds, and from random values without a target.

        Parameters
        ----------
        targets : of each field, float32, [vocabulary size, dim], whole or in blocks of rows; None for a random start.
        weights : have no effect, since every row has its own numbers.
        std, generator : of the random values.

        Raises
        ------
        ValueError : for a target of another shape.
        """
        require_targets(self.fields, self.dim, targets)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        for field, given in zip(self.fields, targets, strict=True):
            shape = (field.vocabulary_size, self.dim)
            start = DrawnRows(shape, std, child_generator(generator)) if given is None else given
            first = self.first_row[field.name]
            for block in start.split(CHUNK) if isinstance(start, Tensor) else start:
                self._keep_own(first, block)
                first += len(block)

    def _keep_own(self, first: int, block: Tensor) -> None:
        """Take of the rows from `first` on, [n, dim], those that this process holds."""
        held = self.placement.held(self.exchange.rank)
        places = self.placement.places(torch.arange(first, first + len(block)))
        is_held = (places >= held.start) & (places < held.stop)
        self.weight[places[is_held] - held.start] = block[is_held]

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows, shape [n, dim]."""
        matrix, place = self._fetched(rows)
        return embedding(place, matrix)

    def of_batch(self, ids: Tensor, bags: Mapping[str, Bag], fold: Tensor | None = None) -> Tensor:
        """Look up all fields, shape [B, F, dim], by one exchange."""
        self.require_known(ids)
        parts = [(ids + self.offsets).flatten()]
        for name, bag in bags.items():
            self.require_known(bag.values.unsqueeze(1), [self.names.index(name)])
            parts.append(bag.values + self.first_row[name])
        matrix, place = self._fetched(torch.cat(parts))
        of_ids, *of_bags = place.split([len(part) for part in parts])
        own = [Bag(values, bag.offsets) for values, bag in zip(of_bags, bags.values(), strict=True)]
        # On GPUs the sums of a dense gradient would depend on chance.
        return looked_up(matrix, of_ids.view(ids.shape), own, sparse=ids.device.type != "cpu")

    def forward(self, ids: Tensor, fold: Tensor | None = None) -> Tensor:
        """Look up the single-valued fields: ids [B, F] to vectors [B, F, dim]."""
        return self.of_batch(ids, {})

    def pooled(self, name: str, bag: Bag, fold: Tensor | None = None) -> Tensor:
        """Return the mean vector of each row's bag, shape [B, dim]; an empty bag gives zeros."""
        self.require_known(bag.values.unsqueeze(1), [self.names.index(name)])
        matrix, place = self._fetched(bag.values + self.first_row[name])
        return means_of_rows(matrix, place, bag.offsets)

    def stored_blocks(self) -> RowBlocks:
        """Return all rows in blocks, which all processes iterate over together; the numbers come to the first one."""

        def rows(part: slice) -> Tensor:
            wanted = range(part.start, part.stop) if self.exchange.rank == 0 else range(0)
            with torch.no_grad():
                return self.vectors(torch.arange(wanted.start, wanted.stop, device=self.weight.device))

        return ComputedRows((self.n_rows, self.dim), rows)

    def _fetched(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of the different rows among some, shape [m, dim], and the place of each row in them."""
        places, place = torch.unique(self.placement.places(rows), return_inverse=True)
        return self.exchange.fetch(self.weight, places, self.sparse_gradient and self.training), place


def sharded_tables(model: nn.Module) -> dict[str, ShardedTable]:
    """Return the tables of a model that several processes share, by the name of their weight in it."""
    return {f"{name}.weight": module for name, module in model.named_modules() if isinstance(module, ShardedTable)}


def sharded_weights(model: nn.Module) -> set[int]:
    """Return the ids of the parameters of which a process holds a part."""
    return {id(table.weight) for table in sharded_tables(model).values()}
