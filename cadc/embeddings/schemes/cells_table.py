"""A table that is cut into cells, each a small network of its coordinates (arXiv 2110.04124)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, pi
from typing import Any, Literal

import torch
from torch import Tensor

from cadc.data.schema import Field
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.base.table_file import size_of
from cadc.embeddings.coding.rows import rows_of
from cadc.embeddings.fitting.regression import regress
from cadc.embeddings.fitting.structure_search import Space, Structure, cheapest
from cadc.embeddings.fitting.subnetworks import SubNetworks
from cadc.embeddings.schemes.cells import Columns, Grid, GridPoints, leading_order

PART = 8192
"""Rows that are computed at a time, and about as many of a step of a projection."""
UNSIGNED_16 = 1 << 16
DEPTHS, WIDTHS = (0, 1, 2, 3), (2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Depths and widths that a search chooses from; row cells are powers of two."""


class CellsTable(EmbeddingTable):
    """Rows, one field after the other and frequent ones first, are cut into cells of neighbours, columns likewise.

    Parameters
    ----------
    fields, dim, centred : see `EmbeddingTable`.
    row_cells, column_cells, columns : the grid, see `Grid`.
    width, depth, activation, omega : of each cell's network, see `NetworkShape` and `SubNetworks`.
    is_sorted : whether rows stand in the order of the target's leading singular direction, which is then stored.
    """

    place: Tensor

    def __init__(
        self,
        fields: Sequence[Field],
        dim: int,
        row_cells: int,
        column_cells: int,
        width: int,
        depth: int,
        columns: Columns = "outputs",
        activation: Literal["sine", "relu"] = "sine",
        omega: float = 30.0,
        is_sorted: bool = False,
        centred: bool = False,
    ) -> None:
        super().__init__(fields, dim, centred)
        self.grid = Grid(self.n_rows, dim, row_cells, column_cells, columns)
        self.network = SubNetworks(self.grid.cells, self.grid.network(width, depth), activation, omega)
        self.is_sorted = is_sorted
        if is_sorted:
            self.register_buffer("place", _stored(torch.arange(self.n_rows)))
        self.fitting = Fitting()

    def plan(self) -> dict[str, Any]:
        """Return the grid and the shape of its networks."""
        grid, network = self.grid, self.network
        return {
            "row_cells": grid.row_cells,
            "column_cells": grid.column_cells,
            "width": network.shape.width,
            "depth": network.shape.depth,
            "columns": grid.columns,
            "activation": network.activation,
            "omega": network.omega,
            "is_sorted": self.is_sorted,
        }

    def flops(self) -> int:
        """Return the floating-point operations of looking up one id."""
        return self.grid.evaluations * self.network.shape.flops

    def vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of some rows; each different row goes through its networks once."""
        different, back = torch.unique(rows, return_inverse=True)
        parts = [self._of_different(part) for part in different.split(PART)]
        found = torch.cat(parts) if parts else self.network.weights.new_zeros(0, self.dim)
        return rows_of(found, back)

    def reset(self, std: float, generator: torch.Generator) -> None:
        """Start from random weights, the last layers scaled."""
        self.network.reset(generator)
        if self.is_sorted:
            self.place.copy_(_stored(torch.arange(self.n_rows)))
        n = min(self.grid.cell_rows, max(1, PART // self.grid.row_cells))
        local = torch.linspace(0, self.grid.cell_rows - 1, n).round().expand(self.grid.row_cells, n)
        self.network.scale_outputs(self.grid.inputs(local), std)

    def project(self, target: Tensor, weight: Tensor) -> None:
        """Start from a regression of each cell, of the structure with the fewest operations where that is asked for."""
        wanted = self.fitting.psnr
        chosen = None if wanted is None else self._cheapest(wanted, target, weight)
        if chosen is None:
            self._fit(target, weight)
            return
        self.grid, self.network = chosen.grid, chosen.network
        if self.is_sorted:
            self.place.copy_(chosen.place)

    def _fit(self, target: Tensor, weight: Tensor) -> None:
        order = torch.arange(self.n_rows)
        if self.is_sorted:
            order = leading_order(target, weight)
            self.place.copy_(_stored(torch.empty_like(order).index_copy(0, order, torch.arange(self.n_rows))))
        points = GridPoints(self.grid, target, weight, order, PART)
        regress(self.network, points.everything, points.draw, self.fitting.steps, self.fitting.learning_rate)

    def _cheapest(self, wanted: float, target: Tensor, weight: Tensor) -> "CellsTable | None":
        """Return the projected table with the fewest operations for a PSNR; None where the budget allows none."""
        found: dict[Structure, CellsTable] = {}

        def plan_at(structure: Structure) -> dict[str, Any]:
            cell_rows = -(-self.n_rows // structure.cells)
            given = {"row_cells": structure.cells, "depth": structure.depth, "width": structure.width}
            return self.plan() | given | {"omega": frequencies(self.fitting.omega, cell_rows, self.is_sorted)}

        def flops(structure: Structure) -> float:
            plan = plan_at(structure)
            is_small = self.fitting.budget is None or (
                bytes_of(self.fields, self.dim, plan, self.centred) <= self.fitting.budget
            )
            return self.grid.evaluations * self.grid.network(plan["width"], plan["depth"]).flops if is_small else inf

        def psnr(structure: Structure) -> float:
            table = CellsTable(self.fields, self.dim, **plan_at(structure), centred=self.centred)
            table.fitting = replace(self.fitting, psnr=None)
            table.reset(0.05, torch.Generator().manual_seed(0))
            table.project(target, weight)
            found[structure] = table
            reached = table.psnr_of(target, (weight > 0).float())
            return inf if reached is None else reached

        cells = [1 << power for power in range(11) if 1 << power <= self.n_rows]
        best, _ = cheapest(Space(cells, DEPTHS, WIDTHS), flops, psnr, wanted, self.fitting.trials)
        return None if best is None else found[best.structure]

    def _of_different(self, rows: Tensor) -> Tensor:
        """Return the vectors of rows that are all different, shape [n, dim]."""
        local, at = self.grid.side_by_side(self._places(rows))
        return rows_of(self.grid.vectors(self.network(self.grid.inputs(local))).flatten(0, 1), at)

    def _places(self, rows: Tensor) -> Tensor:
        """Return where rows stand in the order that is cut into cells, int64."""
        if not self.is_sorted:
            return rows
        found = self.place[rows].long()
        return found & (UNSIGNED_16 - 1) if self.place.dtype == torch.int16 else found


@dataclass(frozen=True)
class Fitting:
    """How a dense target is projected.

    Parameters
    ----------
    steps, learning_rate : of Adam.
    psnr, trials, budget : dB to be reached with the fewest operations by a search of so many trials among tables of so
        many bytes; None keeps the structure.
    omega : of structures that are searched, see `frequencies`.
    """

    steps: int = 0
    learning_rate: float = 0.003
    psnr: float | None = None
    trials: int = 20
    budget: int | None = None
    omega: float | None = None


def frequencies(omega: float | None, cell_rows: int, is_sorted: bool) -> float:
    """Return ω0 where it is left open: SIREN's 30 for sorted rows, which are smooth, else what tells neighbours apart.

    That is the highest frequency, π/2 · rows of a cell, that steps of 2 / rows of a cell can show (Nyquist).
    """
    if omega is not None:
        return omega
    return 30.0 if is_sorted else round(pi / 2 * cell_rows, 1)


def bytes_of(fields: Sequence[Field], dim: int, plan: Mapping[str, Any], centred: bool) -> int:
    """Return the bytes of the file of a table of this plan."""
    n_rows = sum(field.vocabulary_size for field in fields)
    grid = Grid(n_rows, dim, plan["row_cells"], plan["column_cells"], plan["columns"])
    shapes: dict[str, Any] = {
        "network.weights": (torch.float32, (grid.cells, grid.network(plan["width"], plan["depth"]).weights))
    }
    if plan["is_sorted"]:
        shapes["place"] = (_place_type(n_rows), (n_rows,))
    return size_of(CellsTable, fields, dim, centred, plan, shapes)


def _stored(places: Tensor) -> Tensor:
    """Return places as they are stored; 16 bits hold them as if they were unsigned, which few operations know."""
    return places.to(_place_type(len(places)))


def _place_type(n_rows: int) -> torch.dtype:
    return torch.int16 if n_rows <= UNSIGNED_16 else torch.int32
