"""Search for the bit width of each group of rows (MPE, arXiv 2409.20305)."""

import torch
from torch import Tensor, nn

from cadc.embeddings.coding.quantizer import best_steps, codes_of, straight_through, with_scaled_gradient

WIDTHS = (0, 1, 2, 3, 4, 5, 6)
"""Bits of a number that a group may get."""

FITTED_ROWS = 1 << 16
"""Most rows, evenly spaced, to which steps are fitted."""


class BitSearch(nn.Module):
    """Every number is a mixture of itself at all widths, in shares that its group learns.

    Parameters
    ----------
    counts : in how many training rows each row's value occurs, whole numbers, shape [n].
    dim : columns.
    n_groups : of rows; the most frequent make the first.
    temperature : τ of the softmax over widths.
    penalty : λ of the bits that groups ask for, those of rare values before those of frequent ones.
    """

    group: Tensor
    order: Tensor
    counts: Tensor
    rarity: Tensor

    def __init__(self, counts: Tensor, dim: int, n_groups: int, temperature: float, penalty: float) -> None:
        super().__init__()
        self.temperature, self.penalty = temperature, penalty
        n = len(counts)
        order = torch.argsort(counts, descending=True, stable=True)
        group = torch.empty(n, dtype=torch.int64)
        group[order] = torch.arange(n) * n_groups // n
        occurrences = torch.zeros(n_groups).index_add(0, group, counts.float())
        # c_g of the paper is 1 over this.
        rarity = occurrences.min().clamp(min=1) / occurrences.clamp(min=1)
        for name, value in {"order": order, "group": group, "counts": counts, "rarity": rarity.clamp(max=1)}.items():
            self.register_buffer(name, value, persistent=False)
        self.preferences = nn.Parameter(torch.zeros(n_groups, len(WIDTHS)))
        self.log_steps = nn.Parameter(torch.zeros(len(WIDTHS) - 1))
        self.register_buffer("widths", torch.tensor(WIDTHS[1:]).unsqueeze(1), persistent=False)
        self.register_buffer("scales", gradient_scales(self.widths.squeeze(1), n * dim), persistent=False)

    widths: Tensor
    scales: Tensor

    def shares(self) -> Tensor:
        """Return p, softmax(γ/τ) of each group, shape [g, widths]."""
        return (self.preferences / self.temperature).softmax(1)

    def mixture(self, values: Tensor, rows: Tensor, offset: Tensor) -> Tensor:
        """Return Σ_b p_b·Q_b of the numbers of some rows, shape [n, d]."""
        steps = with_scaled_gradient(self.log_steps.exp(), self.scales).unsqueeze(1)
        at_each = straight_through(values.unsqueeze(1), offset, steps, self.widths)
        shares = self.shares()[:, 1:].index_select(0, self.group.index_select(0, rows))
        return (shares.unsqueeze(2) * at_each).sum(1)

    def loss(self) -> Tensor:
        """Return λ·Σ_g Σ_b p_{g,b}·b / c_g."""
        bits = (self.shares()[:, 1:] * self.widths.squeeze(1)).sum(1)
        return self.penalty * (bits * self.rarity).sum()

    def wanted(self) -> list[int]:
        """Return the most bits of each group whose share is at least half of an even one."""
        enough = self.shares() >= 1 / (2 * len(WIDTHS))
        found: list[int] = (enough * torch.tensor(WIDTHS, device=enough.device)).amax(1).tolist()
        return found

    def errors(self, values: Tensor) -> list[list[float]]:
        """Return the squared error of each group at each width, at that width's best step, rows weighed by counts."""
        mass = self.counts.double() + 1
        lost = [values.double().square().sum(1)]
        for bits, step in zip(WIDTHS[1:], fitted_steps(values, self.counts), strict=True):
            lost.append((codes_of(values, step, bits).mul_(step) - values).double().square().sum(1))
        of_groups = mass.new_zeros(len(self.rarity), len(WIDTHS))
        of_groups.index_add_(0, self.group, torch.stack(lost, 1) * mass.unsqueeze(1))
        found: list[list[float]] = of_groups.nan_to_num().tolist()  # numbers that are none are reported elsewhere
        return found


def fitted_steps(values: Tensor, counts: Tensor, widths: tuple[int, ...] = WIDTHS[1:]) -> Tensor:
    """Return the best step for each width from 1 up, of rows weighed by counts, shape [widths]."""
    every = -(-len(values) // FITTED_ROWS)
    some, mass = values[::every], counts[::every].float() + 1
    flat, mass = some.reshape(1, -1), mass.repeat_interleave(values.shape[1]).unsqueeze(0)
    return torch.cat([best_steps(flat, bits, mass=mass) for bits in widths])


def gradient_scales(widths: Tensor, n: int) -> Tensor:
    """Return 1/sqrt(2^(b-1)·n) of each width, for the gradients of steps by which n numbers are quantised."""
    return (torch.exp2(widths - 1.0) * n).rsqrt()
