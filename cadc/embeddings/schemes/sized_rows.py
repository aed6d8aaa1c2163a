"""Rows whose lengths are given one by one, as a policy for a stream gives them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import Scheme, TableSpec
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.coding.dtypes import Dtype
from cadc.embeddings.coding.rows import CHUNK
from cadc.embeddings.coding.windows import windows_of
from cadc.embeddings.schemes.rounded import RoundedTable


class SizedTable(RoundedTable):
    """One flat vector of numbers, of which each row has the next few: a prefix of its vector.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    numbers : length of the flat vector.
    dtype : in which the numbers are stored.

    Attributes
    ----------
    lengths : of each row, uint8 or int16, shape [n_rows].
    """

    lengths: Tensor
    first: Tensor
    holds_rows = True

    def __init__(
        self, fields: Sequence[Field], dim: int, numbers: int, dtype: Dtype = "float32", centred: bool = False
    ) -> None:
        super().__init__(fields, dim, centred)
        self.numbers, self.dtype = numbers, dtype
        # With room behind the last row for a look-up as wide as the longest.
        self.weight = nn.Parameter(torch.zeros(numbers + dim))
        kind = torch.uint8 if dim < 2**8 else torch.int16
        self.register_buffer("lengths", torch.zeros(self.n_rows, dtype=kind))
        self.register_buffer("first", torch.zeros(self.n_rows, dtype=torch.int64), persistent=False)

    def plan(self) -> dict[str, Any]:
        """Return how many numbers there are."""
        return {"numbers": self.numbers, "dtype": self.dtype}

    @property
    def index_bytes(self) -> int:
        """Bytes of the lengths."""
        return self.lengths.numel() * self.lengths.element_size()

    def set_lengths(self, lengths: Tensor) -> None:
        """Set the length of each row, int64, shape [n_rows].

        Raises
        ------
        ValueError : for a length outside 0 … dim, or lengths that do not add up to the numbers of this table.
        """
        own = lengths.long().cpu()
        if own.shape != self.lengths.shape or (own < 0).any() or (own > self.dim).any():
            raise ValueError(f"lengths are not {self.n_rows} numbers from 0 to {self.dim}")
        if int(own.sum()) != self.numbers:
            raise ValueError(f"lengths add up to {int(own.sum())}; expected {self.numbers}")
        self.lengths.copy_(own)
        self.first.copy_(own.cumsum(0) - own)

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows, zero beyond their lengths."""
        return self.as_served(windows_of(self.weight, self.first[rows], self.lengths[rows].long(), self.dim))

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        with torch.no_grad():
            self.weight.zero_()
            self.weight[: self.numbers].normal_(0, std, generator=generator)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the prefixes of the target."""
        with torch.no_grad():
            for rows in (weight > 0).nonzero().squeeze(1).split(CHUNK):
                self.put(rows, target[rows], self.lengths[rows].long())

    def put(self, rows: Tensor, values: Tensor, lengths: Tensor) -> None:
        """Write the first numbers of some rows.

        Parameters
        ----------
        rows : each once, int64, shape [n].
        values : shape [n, at most dim].
        lengths : how many numbers of each row are written, at most its own length, int64, shape [n].
        """
        column = torch.arange(values.shape[1])
        is_own = column < lengths.unsqueeze(1)
        with torch.no_grad():
            self.weight[(self.first[rows].unsqueeze(1) + column)[is_own]] = values[is_own]

    def serving(self) -> dict[str, Tensor]:
        """Return the numbers as they are stored, without the room behind them, and the lengths."""
        found = super().serving()
        return found | {"weight": found["weight"][: self.numbers]}

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the numbers as they were stored, and the lengths, whatever these were before."""
        weight, lengths = tensors["weight"], tensors["lengths"]
        if weight.shape != self.weight[: self.numbers].shape:
            self.numbers = len(weight)
            self.weight = nn.Parameter(self.weight.new_zeros(self.numbers + self.dim))
        super().load_serving(dict(tensors) | {"weight": torch.cat([weight, weight.new_zeros(self.dim)])})
        self.set_lengths(lengths)


@dataclass(kw_only=True, eq=False)
class SizedRows(Scheme):
    """Each row has the length that is given for it.

    Parameters
    ----------
    dim : most numbers of a row.
    sizes : lengths of the rows of each field, int64, shape [vocabulary size], each from 0 to `dim`.
    dtype : in which the numbers are stored; they are trained in float32.

    Examples
    --------
    >>> field = Field("user", "user", 3)
    >>> table = SizedRows(dim=4, sizes={"user": torch.tensor([1, 4, 2])}).table(TableSpec([field]))
    >>> table.initialise_from([torch.ones(3, 4)])
    >>> table(torch.tensor([[0], [2]])).squeeze(1)
    tensor([[1., 0., 0., 0.],
            [1., 1., 0., 0.]], grad_fn=<SqueezeBackward1>)
    """

    table_class = SizedTable
    needs_statistics = False

    sizes: Mapping[str, Tensor]
    dtype: Dtype = "float32"

    def table(self, spec: TableSpec) -> SizedTable:
        """Return the table of the lengths of its fields; mean vectors kept apart would be beyond the budget."""
        lengths = torch.cat([self.sizes[field.name] for field in spec.fields])
        table = SizedTable(spec.fields, self.dim, int(lengths.sum()), self.dtype)
        table.set_lengths(lengths)
        return table

    def arranged(
        self,
        targets: Mapping[str, Tensor | None],
        enriched: Collection[str],
        extra_columns: int = 0,
        statistics: Statistics = NOTHING_KNOWN,
    ) -> dict[str, Tensor | None]:
        """Return the targets with their extra columns, such as biases, first, so that short rows have them."""
        return {
            name: target.roll(extra_columns, -1) if name in enriched and target is not None else target
            for name, target in targets.items()
        }
