"""Base class of embedding tables, however they are stored."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cadc.data.bags import lengths, spread_to_values
from cadc.data.batch import Bag
from cadc.data.schema import Field
from cadc.embeddings.base.row_blocks import RowBlocks, require_targets
from cadc.embeddings.coding.rows import CHUNK
from cadc.embeddings.coding.shapes import require_shapes, shapes_of
from cadc.embeddings.coding.vmapped import is_vmapped
from cadc.errors import DataError, require_at_least


class EmbeddingTable(nn.Module, ABC):
    """Vectors of the values of several fields, whose rows are numbered one field after the other.

    In training a look-up has gradients. In evaluation it gives, bit by bit, what the exported file gives.

    Parameters
    ----------
    fields : the fields, single-valued and bags.
    dim : columns of the vectors.
    centred : whether each field's mean vector is kept apart, as `centre`; a stored table then holds the rest.
    """

    offsets: Tensor
    sizes: Tensor
    centre: nn.Parameter | None

    holds_rows = False
    """Whether training holds a vector for every row, so that any start, random or not, is a dense table."""
    search_epochs = 0
    """Epochs of training after which `settle` is called and training begins anew from the initial weights."""
    penalises = False
    """Whether training adds `penalty` to its loss."""
    straight_through = False
    """Whether gradients skip a rounding, and so are not those of the look-up itself."""
    served_by: type["EmbeddingTable"] | None = None
    """Class that reads the exported file, if it is not the table's own."""

    def __init__(self, fields: Sequence[Field], dim: int, centred: bool = False) -> None:
        super().__init__()
        require_at_least(1, "embedding", dim=dim)
        self.fields, self.dim, self.centred = tuple(fields), dim, centred
        sizes = [field.vocabulary_size for field in fields]
        self.names = [field.name for field in fields]
        self.n_rows = sum(sizes)
        self.first_row = dict(zip(self.names, [sum(sizes[:index]) for index in range(len(sizes))], strict=True))
        single = [field for field in fields if not field.bag]
        first = [self.first_row[field.name] for field in single]
        self.register_buffer("offsets", torch.tensor(first, dtype=torch.int32), persistent=False)
        own = [field.vocabulary_size for field in single]
        self.register_buffer("sizes", torch.tensor(own, dtype=torch.int32), persistent=False)
        self.centre = nn.Parameter(torch.zeros(len(self.names), dim)) if centred else None
        self.psnr: float | None = None
        """PSNR of the projection of a dense target, in dB, with the target's range as the peak; None without one."""

    @property
    def index_bytes(self) -> int:
        """Bytes of `serving` that only say where a row's numbers lie."""
        return 0

    @abstractmethod
    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows (int64, shape [n], below `n_rows`), without the centre, shape [n, dim]."""

    @abstractmethod
    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from random values such that vectors have about this standard deviation."""

    @abstractmethod
    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the best approximation of a dense target.

        Parameters
        ----------
        target : float32, shape [n_rows, dim], the centre taken out.
        weight : of each row in the squared error, float32, not negative, shape [n_rows]; rows of weight 0 have no
            target, and what only they use stays as it is.
        """

    def penalty(self) -> Tensor:
        """Return what training adds to the mean loss of a batch, shape []."""
        return self.offsets.new_zeros((), dtype=torch.float32)

    def settle(self) -> None:
        """Fix what the search of `search_epochs` found; parameters then start anew."""

    def plan(self) -> dict[str, Any]:
        """Return the arguments, other than `fields`, `dim` and `centred`, that make an empty table of this shape."""
        return {}

    def serving(self) -> dict[str, Tensor]:
        """Return the tensors that are exported, as they are stored: all that a look-up needs beside the plan."""
        return {name: value.detach() for name, value in self.state_dict().items()}

    def stored_blocks(self) -> RowBlocks | None:
        """Return all rows of `weight` in blocks where several processes share them; None where `serving` has all."""
        return None

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `serving` returned; look-ups in evaluation then give the same bits.

        Raises
        ------
        ValueError : for tensors of other names, shapes or types.
        """
        require_shapes(tensors, shapes_of(self.state_dict()))
        self.load_state_dict(dict(tensors))

    def initialise_from(
        self,
        targets: Sequence[Tensor | RowBlocks | None],
        weights: Sequence[Tensor] | None = None,
        std: float = 0.05,
        generator: torch.Generator | None = None,
    ) -> None:
        """Start from dense targets, projected, and from random values where there are none.

        Parameters
        ----------
        targets : of each field, float32, [vocabulary size, dim], whole or in blocks of rows; None for a random start.
        weights : of each field's values, such as their number of rows, shape [vocabulary size]; None: all equal.
        std, generator : of the random values.

        Raises
        ------
        ValueError : for a target of another shape.
        """
        require_targets(self.fields, self.dim, targets)
        of_rows = [torch.ones(field.vocabulary_size) for field in self.fields] if weights is None else weights
        with torch.no_grad():
            self.reset(std, torch.Generator().manual_seed(0) if generator is None else generator)
            self.psnr = None
            if self.centre is not None:
                self.centre.zero_()
            if all(given is None for given in targets):
                return
            parts, masses = [], []
            for index, (field, given) in enumerate(zip(self.fields, targets, strict=True)):
                own = of_rows[index].float()
                if given is None:
                    start, own = torch.zeros(field.vocabulary_size, self.dim), torch.zeros_like(own)
                else:
                    start = given.whole() if isinstance(given, RowBlocks) else given
                if given is not None and self.centre is not None:
                    mean = (own.unsqueeze(1) * start).sum(0) / own.sum().clamp(min=1e-30)
                    self.centre[index] = mean
                    start = start - mean
                parts.append(start)
                masses.append(own)
            target = torch.cat(parts)
            self.project(target, torch.cat(masses))
            self.psnr = self.psnr_of(target, torch.cat([torch.full_like(own, float(own.any())) for own in masses]))

    def forward(self, ids: Tensor, fold: Tensor | None = None) -> Tensor:
        """Look up the single-valued fields: ids [B, F] to vectors [B, F, dim].

        Parameters
        ----------
        ids : int32 or int64, shape [B, F].
        fold : fold of cross-fitting of each row, int64, shape [B]; only tables of folds look at it.

        Raises
        ------
        DataError : for an id outside its field's vocabulary (on CPUs, where the check costs nothing).
        """
        self.require_known(ids)
        rows = (ids + self.offsets).flatten().long()
        found = self.vectors(rows).view(*ids.shape, self.dim)
        if self.centre is not None:
            found = found + self.centre[[index for index, field in enumerate(self.fields) if not field.bag]]
        return found

    def pooled(self, name: str, bag: Bag, fold: Tensor | None = None) -> Tensor:
        """Return the mean vector of each row's bag, shape [B, dim]; an empty bag gives zeros.

        Parameters
        ----------
        name : of the field.
        bag : its values in B rows.
        fold : see `forward`.
        """
        index = self.names.index(name)
        self.require_known(bag.values.unsqueeze(1), [index])
        values = self.vectors(bag.values.long() + self.first_row[name])
        if self.centre is not None:
            values = values + self.centre[index]
        n_bags = len(bag.offsets)
        row = spread_to_values(torch.arange(n_bags, device=values.device), bag)
        counts = lengths(bag).clamp(min=1)
        return values.new_zeros(n_bags, self.dim).index_add(0, row, values) / counts.unsqueeze(1)

    def of_batch(self, ids: Tensor, bags: Mapping[str, Bag], fold: Tensor | None = None) -> Tensor:
        """Look up all fields, the single-valued ones first: shape [B, F, dim].

        Parameters
        ----------
        ids : of the single-valued fields, as for `forward`; no columns if there are none.
        bags : of the other fields, by name.
        fold : see `forward`.
        """
        parts = [self(ids, fold)] if ids.shape[1] else []
        return torch.cat([*parts, *(self.pooled(name, bag, fold).unsqueeze(1) for name, bag in bags.items())], 1)

    def require_known(self, ids: Tensor, of_fields: Sequence[int] | None = None) -> None:
        """Raise a DataError for ids [B, F] outside the vocabularies of these fields, or of all single-valued ones."""
        if ids.device.type != "cpu" or not len(ids) or is_vmapped():
            return
        sizes = self.sizes if of_fields is None else torch.tensor([self.fields[at].vocabulary_size for at in of_fields])
        is_wrong = (ids < 0) | (ids >= sizes)
        if bool(is_wrong.any()):
            single = [field for field in self.fields if not field.bag]
            column = int(is_wrong.any(0).nonzero()[0])
            field = single[column] if of_fields is None else self.fields[of_fields[column]]
            raise DataError(
                f"id {int(ids[is_wrong[:, column], column][0])} is outside the vocabulary of {field.name}, which has "
                f"{field.vocabulary_size} values, *unknown* (0) among them."
            )

    def reconstruct(self) -> Tensor:
        """Return the rows of all fields as they are looked up, one after the other, shape [n_rows, dim]."""
        parts = []
        with evaluating(self):
            for index, field in enumerate(self.fields):
                first = self.first_row[field.name]
                own = torch.arange(first, first + field.vocabulary_size, device=self.offsets.device)
                found = [self.vectors(rows) for rows in own.split(CHUNK)]
                parts += found if self.centre is None else [part + self.centre[index] for part in found]
        return torch.cat(parts)

    def psnr_of(self, target: Tensor, counts: Tensor) -> float | None:
        """Return the PSNR in dB of the rows that count (1, else 0), the centre taken out; None where it is infinite."""
        used = counts.bool()
        if not used.any():
            return None
        peak, squared, n = float(target[used].max() - target[used].min()), 0.0, 0
        with evaluating(self):
            for rows in used.nonzero().squeeze(1).split(CHUNK):
                squared += float((self.vectors(rows) - target[rows]).double().square().sum())
                n += len(rows) * self.dim
        if squared == 0 or peak == 0:
            return None
        return float(10 * torch.log10(torch.tensor(peak**2 * n / squared, dtype=torch.float64)))


@contextmanager
def evaluating(table: EmbeddingTable) -> Iterator[None]:
    """Look up as evaluation does and without gradients, and leave the table in the mode that it was in."""
    was_training = table.training
    table.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        table.train(was_training)
