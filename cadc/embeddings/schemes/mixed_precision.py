"""Mixed-precision embeddings (MPE, arXiv 2409.20305): more bits for rows that need them, packed without gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from cadc.data.schema import Field
from cadc.embeddings.base.budget import largest_within
from cadc.embeddings.base.scheme import Compressed, TableSpec
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.mixed_rows import decode, encode, kinds_of, places, shapes
from cadc.embeddings.coding.packing import n_bytes
from cadc.embeddings.coding.quantizer import straight_through, with_scaled_gradient
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.coding.shapes import Shapes
from cadc.embeddings.fitting.bit_allocation import allot_within, best_step
from cadc.embeddings.fitting.bit_search import WIDTHS, BitSearch, fitted_steps, gradient_scales
from cadc.embeddings.fitting.projection import copy_known
from cadc.embeddings.schemes.packed import PackedTable
from cadc.errors import require_at_least, require_positive

SMALLEST = 1e-12
"""Smallest step; if all numbers are zero, any step will do."""

ROWS_OF_GROUP = 8
"""Fewest rows of a group, if there are that many."""


class MixedPrecisionTable(PackedTable):
    """Number w of a row of b bits is stored as the code clip(round((w-β)/α_b), -2^(b-1), 2^(b-1) - 1).

    Rows of 0 bits are zeros and take no room except in the list of widths.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    search : finds how many bits each group gets; None for a table that is about to be loaded.
    budget : bytes of the file, within which bits are given out; None gives all rows the most.
    search_epochs : that the search takes.
    """

    straight_through = True
    widths: Tensor
    log_steps: nn.Parameter | None

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        centred: bool = False,
        search: BitSearch | None = None,
        budget: int | None = None,
        search_epochs: int = 0,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.budget, self.search, self.search_epochs = budget, search, search_epochs
        self.penalises = search is not None and search.penalty > 0
        self.weight = nn.Parameter(torch.zeros(self.n_rows, dim))
        self.offset = nn.Parameter(torch.zeros(dim))
        self.register_parameter("log_steps", None)
        self.register_buffer("widths", None)
        self._start: tuple[Tensor, Tensor] | None = None

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        with torch.no_grad():
            self.weight.normal_(0, std, generator=generator)
        self._begin(torch.zeros(self.n_rows))

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the target itself, and from the steps that fit it best at each width."""
        copy_known(self.weight, target, weight)
        self._begin(weight)

    def _begin(self, weight: Tensor) -> None:
        """Fit the steps to the weights, and remember those, and which have a target, for when the search is over."""
        assert self.search is not None
        with torch.no_grad():
            self.offset.zero_()
            steps = fitted_steps(self.weight, self.search.counts)
            self.search.log_steps.copy_(steps.clamp(min=SMALLEST).log())
        self._start = (self.weight.detach().clone(), (weight > 0).float())

    def trained_vectors(self, rows: Tensor) -> Tensor:
        """Return rows at their bits, or at the mixture of bits that the search is at."""
        found = rows_of(self.weight, rows)
        if self.search is not None:
            return self.search.mixture(found, rows, self.offset)
        assert self.log_steps is not None
        widths = self.widths.index_select(0, rows)
        scales = gradient_scales(torch.arange(len(WIDTHS), device=rows.device), self.weight.numel())
        steps = with_scaled_gradient(self.log_steps.exp(), scales)
        of_rows = embedding(widths.int(), steps.unsqueeze(1))
        return straight_through(found, self.offset, of_rows, widths.unsqueeze(1))

    def penalty(self) -> Tensor:
        """Return what the search adds to the loss for the bits that groups ask for."""
        return super().penalty() if self.search is None else self.search.loss()

    def settle(self) -> None:
        """Give out the bits; what is trained from now on begins at the initial weights, and steps that fit those."""
        assert self.search is not None and self._start is not None
        start, used = (value.to(self.weight.device) for value in self._start)
        with torch.no_grad():
            widths = self._chosen()
            self.weight.copy_(start)
            self.offset.zero_()
            steps = self.search.log_steps.new_zeros(len(WIDTHS))
            for bits in set(widths.tolist()) - {0}:
                own = widths == bits
                fitted = fitted_steps(self.weight[own], self.search.counts[own], (bits,))
                steps[bits] = fitted.squeeze(0).clamp(min=SMALLEST).log()
        self.log_steps = nn.Parameter(steps, requires_grad=self.weight.requires_grad)
        self.widths = widths
        self._end_search()
        if self.psnr is not None:
            self.psnr = self.psnr_of(start, used)

    def pack(self) -> dict[str, Tensor]:
        """Return codes, each row's width, steps and β; while the search goes on, as if it were over."""
        if self.search is not None:
            log_steps = torch.cat([self.search.log_steps.new_zeros(1), self.search.log_steps])
            return encode(self.weight, self.offset, self._chosen(), log_steps.exp())
        assert self.log_steps is not None
        return encode(self.weight, self.offset, self.widths, self.log_steps.exp())

    def aids(self, packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each row's kind and the place of its first bit."""
        return places(packed, self.n_rows, self.dim)

    def decode(self, packed: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        """Return the vectors of some rows."""
        return decode(packed, rows, self.dim)

    def expected(self, packed: Mapping[str, Tensor]) -> Shapes:
        """Return types and shapes of what is stored; the widths in use say how large the rest is."""
        used = packed["widths"]
        found = used.flatten().tolist()
        if used.dtype != torch.uint8 or used.ndim != 1 or not found or found != sorted(set(found) & set(WIDTHS)):
            raise ValueError(f"widths is {used.dtype} {found}; expected some of {list(WIDTHS)}, ascending")
        n_bits = int(used.long()[kinds_of(packed, self.n_rows)].sum()) * self.dim
        return shapes(self.n_rows, self.dim, len(used), n_bytes(n_bits))

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what `serving` gave, whatever bits its rows have."""
        super().load_serving(tensors)
        self.register_buffer("widths", None)
        self._end_search()

    def _end_search(self) -> None:
        self.search, self.search_epochs, self.penalises, self._start = None, 0, False, None

    def _chosen(self) -> Tensor:
        """Return the bits of each row, uint8, such that the file keeps within the budget."""
        assert self.search is not None
        errors, wanted = self.search.errors(self.weight - self.offset), self.search.wanted()
        group, order = self.search.group.cpu(), self.search.order.cpu()
        sizes = (torch.bincount(group, minlength=len(wanted)) * self.dim).tolist()
        given, allowed, left = allot_within(errors, sizes, self._room, WIDTHS, wanted)
        widths = torch.tensor(given, dtype=torch.uint8)[group]
        step = best_step(given, errors, sizes, allowed)
        if step is not None:
            # What is left is too little for a whole group, and goes to the most frequent of its rows.
            own = order[group[order] == step.group]
            widths[own[: left // ((step.width - given[step.group]) * self.dim)]] = step.width
        return widths.to(self.offsets.device)

    def _room(self, n_widths: int) -> int | None:
        """Return how many bits codes may take beside the tables of so many widths; None if those do not fit."""

        def bytes_at(n: int) -> int:
            stored = shapes(self.n_rows, self.dim, n_widths, n)
            return size_of(type(self), self.fields, self.dim, self.centred, {}, stored)

        if self.budget is not None and bytes_at(0) > self.budget:
            return None
        return 8 * largest_within(self.budget, bytes_at, 0, n_bytes(WIDTHS[-1] * self.dim * self.n_rows), "bytes")


@dataclass(kw_only=True, eq=False)
class MixedPrecision(Compressed):
    """Searches for the bits of groups of rows, gives out what the budget allows, and trains anew at those.

    Parameters
    ----------
    dim, ratio, budget, small : see `Compressed`.
    search_epochs : epochs of the search, at least 1.
    groups : of rows of about the same frequency; fewer where there are few rows.
    temperature : of the softmax over widths.
    penalty : of the bits that groups ask for, added to the loss in the search.
    """

    table_class = MixedPrecisionTable

    search_epochs: int = 3
    groups: int = 128
    temperature: float = 3e-3
    penalty: float = 3e-4

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        require_at_least(1, "embedding", search_epochs=self.search_epochs, groups=self.groups)
        require_at_least(0, "embedding", penalty=self.penalty)
        require_positive("embedding", temperature=self.temperature)

    def table(self, spec: TableSpec) -> MixedPrecisionTable:
        """Return a table whose search is to begin."""

        def bytes_at(bits: int) -> int:
            stored = shapes(spec.n_rows, self.dim, 1, n_bytes(spec.n_rows * self.dim * bits))
            return size_of(MixedPrecisionTable, spec.fields, self.dim, spec.centred, {}, stored)

        # Refuses budgets below that of no bits at all.
        largest_within(spec.budget, bytes_at, WIDTHS[0], WIDTHS[-1], "bits")
        n_groups = max(1, min(self.groups, spec.n_rows // ROWS_OF_GROUP))
        search = BitSearch(spec.counts(), self.dim, n_groups, self.temperature, self.penalty)
        return MixedPrecisionTable(
            spec.fields, self.dim, spec.centred, search, spec.budget, search_epochs=self.search_epochs
        )
