"""Cells of a table, each a small network of the coordinates inside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from cadc.embeddings.fitting.regression import Points
from cadc.embeddings.fitting.subnetworks import NetworkShape

Columns: TypeAlias = Literal["outputs", "coordinate"]


@dataclass(frozen=True)
class Grid:
    """Cells of neighbouring rows and columns, and what their networks take and give.

    Networks are numbered by cells of rows and, within these, by cells of columns. Cells of rows are equally large; the
    last may go beyond the table.

    Parameters
    ----------
    n_rows, dim : of the table.
    row_cells, column_cells : how many; the latter divides `dim`.
    columns : whether a network gives all columns of its cell, or takes the column as a second coordinate.
    """

    n_rows: int
    dim: int
    row_cells: int
    column_cells: int
    columns: Columns = "outputs"

    @property
    def cells(self) -> int:
        """Number of networks."""
        return self.row_cells * self.column_cells

    @property
    def cell_rows(self) -> int:
        """Rows of a cell."""
        return -(-self.n_rows // self.row_cells)

    @property
    def cell_columns(self) -> int:
        """Columns of a cell."""
        return self.dim // self.column_cells

    @property
    def evaluations(self) -> int:
        """How many times networks are evaluated for one row."""
        return self.column_cells if self.columns == "outputs" else self.dim

    def network(self, width: int, depth: int) -> NetworkShape:
        """Return the shape of each network."""
        if self.columns == "outputs":
            return NetworkShape(1, self.cell_columns, width, depth)
        return NetworkShape(2, 1, width, depth)

    def inputs(self, local: Tensor) -> Tensor:
        """Return what the networks take of some rows of each cell, in [-1, 1].

        Parameters
        ----------
        local : rows of each cell, counted from its first, shape [row_cells, n].

        Returns
        -------
        float32, shape [cells, n, 1] where columns are outputs, else [cells, n·cell_columns, 2].
        """
        rows = middles(local.float(), self.cell_rows)
        if self.columns == "outputs":
            return rows.repeat_interleave(self.column_cells, 0).unsqueeze(2)
        columns = middles(torch.arange(self.cell_columns, device=local.device).float(), self.cell_columns)
        pairs = torch.stack(torch.broadcast_tensors(rows.unsqueeze(2), columns), -1)
        return pairs.flatten(1, 2).repeat_interleave(self.column_cells, 0)

    def side_by_side(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Sort rows into their cells.

        Parameters
        ----------
        places : of different rows, in the order that is cut, int64, shape [n].

        Returns
        -------
        local, at : rows of each cell, counted from its first, padded to those of the fullest, int64, shape
            [row_cells, most]; and where each of the given rows stands in it, flattened, int64, shape [n].
        """
        place, order = torch.sort(places)
        cell = place // self.cell_rows
        counts = torch.bincount(cell, minlength=self.row_cells)
        most = int(counts.max())
        slot = torch.arange(len(places), device=places.device) - (counts.cumsum(0) - counts)[cell]
        at = torch.empty_like(order)
        at[order] = cell * most + slot
        local = at.new_zeros(self.row_cells * most)
        local[at] = places % self.cell_rows
        return local.view(self.row_cells, most), at

    def vectors(self, outputs: Tensor) -> Tensor:
        """Return what the networks gave, as vectors, shape [row_cells, n, dim]."""
        parts = outputs.reshape(self.row_cells, self.column_cells, -1, self.cell_columns)
        return parts.transpose(1, 2).flatten(2)

    def outputs(self, vectors: Tensor) -> Tensor:
        """Return vectors, shape [row_cells, n, dim], as what the networks should give: the inverse of `vectors`."""
        parts = vectors.unflatten(2, (self.column_cells, self.cell_columns)).transpose(1, 2).flatten(0, 1)
        return parts if self.columns == "outputs" else parts.flatten(1).unsqueeze(2)

    def weights(self, of_rows: Tensor) -> Tensor:
        """Return weights of rows, shape [row_cells, n], as weights of what the networks take, shape [cells, ...]."""
        own = of_rows.repeat_interleave(self.column_cells, 0)
        return own if self.columns == "outputs" else own.repeat_interleave(self.cell_columns, 1)


class GridPoints:
    """A dense table as the points that the networks of a grid are fitted to.

    Parameters
    ----------
    grid : of the networks.
    target, weight : float32, shapes [n_rows, dim] and [n_rows].
    order : the row at each place of the order that is cut, int64, shape [n_rows].
    at_once : rows of all cells together that are handed out at a time.
    """

    def __init__(self, grid: Grid, target: Tensor, weight: Tensor, order: Tensor, at_once: int) -> None:
        self.grid, self.target, self.order = grid, target, order
        weights = torch.zeros(grid.row_cells * grid.cell_rows)
        weights[: grid.n_rows] = weight[order]
        self.weights = weights.view(grid.row_cells, grid.cell_rows)
        self.cumulated = self.weights.double().cumsum(1)
        self.rows_of_cell = max(1, at_once // grid.row_cells)
        self.generator = torch.Generator().manual_seed(0)

    def everything(self) -> Iterator[Points]:
        """Yield all rows, some of each cell at a time."""
        for part in torch.arange(self.grid.cell_rows).split(self.rows_of_cell):
            yield self._points(part.expand(self.grid.row_cells, -1), self.weights[:, part])

    def draw(self) -> Points:
        """Return rows of each cell drawn by weight, so that in the mean all errors count by theirs; all, if few."""
        if self.grid.cell_rows <= self.rows_of_cell:
            return next(self.everything())
        mass = self.cumulated[:, -1:]
        at = torch.rand(len(mass), self.rows_of_cell, generator=self.generator, dtype=torch.float64) * mass
        local = torch.searchsorted(self.cumulated, at, right=True).clamp(max=self.grid.cell_rows - 1)
        return self._points(local, (mass > 0).float().expand(-1, self.rows_of_cell))

    def _points(self, local: Tensor, weight: Tensor) -> Points:
        first = torch.arange(self.grid.row_cells).unsqueeze(1) * self.grid.cell_rows
        rows = self.order[(first + local).clamp(max=self.grid.n_rows - 1)]
        return self.grid.inputs(local), self.grid.outputs(self.target[rows]), self.grid.weights(weight)


def middles(at: Tensor, n: int) -> Tensor:
    """Return the middle of the step `at`, counted from 0, of `n` equal steps through [-1, 1]."""
    return (2 * at + (1 - n)) / n


def leading_order(target: Tensor, weight: Tensor) -> Tensor:
    """Return rows in the order of their part in the leading singular direction; those of weight 0 are last.

    Parameters
    ----------
    target, weight : float32, shapes [n, d] and [n]; the weights count in the singular values.
    """
    squares = (target * weight.unsqueeze(1)).T.double() @ target.double()
    part = target @ torch.linalg.eigh(squares).eigenvectors[:, -1].float()
    return torch.argsort(part.masked_fill(weight == 0, torch.inf), stable=True)
