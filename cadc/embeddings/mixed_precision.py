"""Mixed-precision embeddings (MPE, arXiv 2409.20305): more bits for rows that deserve them, really packed."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from cadc.data.schema import Field
from cadc.embeddings.allotment import allot, best_step, choices_of
from cadc.embeddings.bit_search import WIDTHS, BitSearch, fitted_steps, gradient_scales
from cadc.embeddings.packed import PackedTable
from cadc.embeddings.packing import CHUNK, first_bits, n_bytes, pack, unpack
from cadc.embeddings.scheme import Compressed, TableSpec, largest_within
from cadc.embeddings.steps import codes_of, straight_through, with_scaled_gradient
from cadc.embeddings.table_file import Shapes, size_of
from cadc.errors import require_at_least, require_positive

SMALLEST = 1e-12
"""Of a step: where all numbers are zero, any step is as good as another."""


class MixedPrecisionTable(PackedTable):
    """Number w of a row of b bits is stored as the code clip(round((w-β)/α_b), -2^(b-1), 2^(b-1) - 1).

    Rows of 0 bits are zeros and take no room. In the file, each row has the number of its width among those in use, in
    as few bits as tell them apart.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    search : finds the bits that groups deserve; None for a table that is loaded next.
    budget : bytes of the file, which bits are given out by; None gives all rows the most.
    search_epochs : that the search takes.
    """

    widths: Tensor
    straight_through = True
    not_decayed = ("centre", "offset", "log_steps", "search.preferences", "search.log_steps")

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

    log_steps: nn.Parameter | None

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from normal values."""
        with torch.no_grad():
            self.weight.normal_(0, std, generator=generator)
        self._begin(torch.zeros(self.n_rows))

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from the target itself, and from the steps that fit it best at each width."""
        with torch.no_grad():
            self.weight.copy_(target.where(weight.unsqueeze(1) > 0, self.weight))
        self._begin(weight)

    def _begin(self, weight: Tensor) -> None:
        """Fit the steps to the weights, and remember both for when the search is over."""
        assert self.search is not None
        with torch.no_grad():
            self.offset.zero_()
            steps = fitted_steps(self.weight, self.search.counts)
            self.search.log_steps.copy_(steps.clamp(min=SMALLEST).log())
        self._start = (self.weight.detach().clone(), (weight > 0).float())

    def trained_vectors(self, rows: Tensor) -> Tensor:
        """Return rows at their bits, or at the mixture of bits that the search is at."""
        found = self.weight.index_select(0, rows) if rows.device.type == "cpu" else embedding(rows, self.weight)
        if self.search is not None:
            return self.search.mixture(found, rows, self.offset)
        assert self.log_steps is not None
        widths = self.widths.index_select(0, rows).unsqueeze(1)
        scales = gradient_scales(torch.arange(len(self.log_steps), device=rows.device), self.weight.numel())
        steps = with_scaled_gradient(self.log_steps.exp(), scales)
        return straight_through(found, self.offset, embedding(widths.long(), steps.unsqueeze(1)).squeeze(1), widths)

    def penalty(self) -> Tensor:
        """Return what the search adds to the loss for the bits that groups ask for."""
        return super().penalty() if self.search is None else self.search.loss()

    def settle(self) -> None:
        """Give out the bits; what is trained from now on begins at the initial weights, and steps that fit those."""
        assert self.search is not None and self._start is not None
        with torch.no_grad():
            widths = self._chosen()
            start, used = self._start
            self.weight.copy_(start)
            self.offset.zero_()
            steps = self.search.log_steps.new_zeros(len(WIDTHS))
            for bits in set(widths.tolist()) - {0}:
                own = widths == bits
                steps[bits] = fitted_steps(self.weight[own], self.search.counts[own], (bits,)).clamp(min=SMALLEST).log()
        self.log_steps = nn.Parameter(steps, requires_grad=self.weight.requires_grad)
        self.widths = widths
        self.search, self.search_epochs, self.penalises, self._start = None, 0, False, None
        self._packed = None
        if self.psnr is not None:
            self.psnr = self._psnr(start, used)

    def pack(self) -> dict[str, Tensor]:
        """Return codes, each row's width, steps and β; where the search goes on, as if it were over."""
        if self.search is None:
            assert self.log_steps is not None
            widths, of_widths = self.widths, self.log_steps.exp()
        else:
            widths, of_widths = self._chosen(), torch.cat([torch.ones_like(self.offset[:1]), self.search.log_steps.exp()])
        used = widths.unique()
        codes = torch.empty(self.weight.shape, dtype=torch.uint8, device=widths.device)
        for rows in torch.arange(self.n_rows, device=widths.device).split(CHUNK):
            for bits in used.tolist():
                own = rows[widths[rows] == bits]
                if bits:
                    found = codes_of(self.weight[own] - self.offset, of_widths[bits], bits).add_(1 << (bits - 1))
                    codes[own] = found.to(torch.uint8)
                else:
                    codes[own] = 0
        kinds = torch.searchsorted(used, widths).unsqueeze(1)
        n_bits = widths.new_full((self.n_rows,), _bits_of_kind(len(used)))
        return {
            "codes": pack(codes, widths),
            "kinds": pack(kinds, n_bits),
            "offset": self.offset.detach().clone(),
            "steps": of_widths[used.long()].where(used > 0, 0),
            "widths": used.to(torch.uint8),
        }

    def aids(self, packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each row's kind and the place of its first bit."""
        kinds = _kinds(packed, self.n_rows)
        widths = packed["widths"].long()[kinds]
        starts = first_bits(widths, self.dim)
        is_small = 8 * len(packed["codes"]) < 2**31 - 8 * self.dim
        return {"kind": kinds.to(torch.uint8), "start": starts.int() if is_small else starts}

    def decode(self, packed: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        """Return (c - 2^(b-1))·α_b + β, and zeros for rows of 0 bits."""
        starts = packed["start"].index_select(0, rows)
        kinds = packed["kind"].index_select(0, rows).int()
        widths = packed["widths"].index_select(0, kinds).to(starts.dtype)
        steps = packed["steps"].index_select(0, kinds).unsqueeze(1)
        codes = unpack(packed["codes"], starts, widths, self.dim)
        half = torch.exp2(widths - 1.0).unsqueeze(1)
        return ((codes - half) * steps + packed["offset"]) * (widths > 0).unsqueeze(1)

    def expected(self, packed: Mapping[str, Tensor]) -> Shapes:
        """Return types and shapes of what is stored; the widths in use say how large the rest is."""
        used = packed["widths"]
        if used.dtype != torch.uint8 or used.ndim != 1 or not 1 <= len(used) <= len(WIDTHS) or used.max() > WIDTHS[-1]:
            raise ValueError(f"widths is {used.tolist()}; expected some of {list(WIDTHS)}")
        n_bits = int(used.long()[_kinds(packed, self.n_rows)].sum()) * self.dim
        return shapes(self.n_rows, self.dim, len(used), n_bytes(n_bits))

    def load_serving(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what `serving` gave, whichever bits the table had been given."""
        super().load_serving(tensors)
        self.search, self.search_epochs, self.penalises, self._start, self.widths = None, 0, False, None, None  # type: ignore[assignment]

    def _chosen(self) -> Tensor:
        """Return the bits of each row, uint8, such that the file keeps within the budget."""
        assert self.search is not None
        errors, wanted = self.search.errors(self.weight - self.offset), self.search.wanted()
        sizes = (torch.bincount(self.search.group, minlength=len(wanted)) * self.dim).tolist()
        room: dict[int, int] = {}

        def room_for(n_widths: int) -> int:
            """Return how many bits codes may take beside what is stored of so many widths; below 0 for none."""
            if n_widths not in room:
                def bytes_at(n: int) -> int:
                    return size_of(type(self), self.fields, self.dim, self.centred, {}, shapes(self.n_rows, self.dim, n_widths, n))
                most = n_bytes(WIDTHS[-1] * self.dim * self.n_rows)
                is_possible = self.budget is None or bytes_at(0) <= self.budget
                room[n_widths] = 8 * largest_within(self.budget, bytes_at, 0, most, "") if is_possible else -1
            return room[n_widths]

        best, least = None, float("inf")
        for choices in choices_of(WIDTHS):
            found = allot(errors, sizes, room_for(len(choices)), choices, wanted)
            lost = sum(own[bits] for own, bits in zip(errors, found, strict=True)) if found else float("inf")
            if found is not None and lost < least:
                best, least, allowed = found, lost, choices
        assert best is not None
        widths = torch.tensor(best, dtype=torch.uint8)[self.search.group.cpu()]
        step = best_step(best, errors, sizes, allowed)
        if step is not None:
            # What is left is too little for a whole group, and goes to the most frequent of its rows.
            left = room_for(len(allowed)) - sum(size * bits for size, bits in zip(sizes, best, strict=True))
            own = self.search.order[self.search.group[self.search.order] == step.group].cpu()
            widths[own[: left // ((step.width - best[step.group]) * self.dim)]] = step.width
        return widths.to(self.offsets.device)


def shapes(n_rows: int, dim: int, n_widths: int, n_code_bytes: int) -> Shapes:
    """Return types and shapes of what is stored of a table whose rows have so many widths."""
    return {
        "codes": (torch.uint8, (n_code_bytes,)),
        "kinds": (torch.uint8, (n_bytes(n_rows * _bits_of_kind(n_widths)),)),
        "offset": (torch.float32, (dim,)),
        "steps": (torch.float32, (n_widths,)),
        "widths": (torch.uint8, (n_widths,)),
    }


def _bits_of_kind(n_widths: int) -> int:
    """Return how many bits tell so many widths apart."""
    return (n_widths - 1).bit_length()


def _kinds(packed: Mapping[str, Tensor], n_rows: int) -> Tensor:
    """Return for each row the place of its width among those in use, int64."""
    n_widths = len(packed["widths"])
    n_bits = _bits_of_kind(n_widths)
    rows = torch.arange(n_rows, device=packed["kinds"].device)
    kinds = unpack(packed["kinds"], rows * n_bits, rows.new_tensor([n_bits]), 1).squeeze(1).long()
    if len(kinds) and int(kinds.max()) >= n_widths:
        raise ValueError(f"kinds names width {int(kinds.max())} of {n_widths}")
    return kinds


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

    def __init__(
        self,
        dim: int = 16,
        ratio: float | None = 16.0,
        budget: int | None = None,
        small: int = 100,
        search_epochs: int = 3,
        groups: int = 128,
        temperature: float = 3e-3,
        penalty: float = 3e-4,
    ) -> None:
        super().__init__(dim, ratio, budget, small)
        require_at_least(1, "embedding", search_epochs=search_epochs, groups=groups)
        require_at_least(0, "embedding", penalty=penalty)
        require_positive("embedding", temperature=temperature)
        self.search_epochs, self.groups = search_epochs, groups
        self.temperature, self.penalty = temperature, penalty

    def table(self, spec: TableSpec) -> MixedPrecisionTable:
        """Return a table whose search is to begin."""

        def bytes_at(bits: int) -> int:
            stored = shapes(spec.n_rows, self.dim, 1, n_bytes(spec.n_rows * self.dim * bits))
            return size_of(MixedPrecisionTable, spec.fields, self.dim, spec.centred, {}, stored)

        largest_within(spec.budget, bytes_at, WIDTHS[0], WIDTHS[-1], "bits")
        n_groups = max(1, min(self.groups, spec.n_rows // ROWS_OF_GROUP))
        search = BitSearch(spec.counts(), self.dim, n_groups, self.temperature, self.penalty)
        return MixedPrecisionTable(
            spec.fields, self.dim, spec.centred, search, spec.budget, search_epochs=self.search_epochs
        )


ROWS_OF_GROUP = 8
"""That a group has at least, where there are so many."""
