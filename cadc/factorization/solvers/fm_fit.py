"""Fit of a factorisation machine: closed-form steps with the fields of users, of items and of the context."""

from __future__ import annotations

import torch
from torch import Tensor

from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.factorization.blocks import blocks_of
from cadc.factorization.solvers.fm_rows import Rows
from cadc.factorization.solvers.fm_state import FieldState, Side
from cadc.factorization.solvers.majorize import curvature, moments

PIECE = 1 << 16
"""Rows that are scored at once."""


class Machine:
    """Parameters of a factorisation machine (Rendle 2010, eq. 1).

    Parameters
    ----------
    sides : users and items, as far as the log has them.
    context : state of each context field, by name.
    n_dense : number of dense columns.
    dim : length of the vectors.
    """

    def __init__(self, sides: dict[EntitySide, Side], context: dict[str, FieldState], n_dense: int, dim: int) -> None:
        self.sides, self.context, self.dim = sides, context, dim
        self.linear = torch.zeros(n_dense + 1)
        """Weights of the dense columns, followed by the global bias."""

    @property
    def fields(self) -> dict[str, FieldState]:
        """State of each field, by name."""
        return {name: field for side in self.sides.values() for name, field in side.fields.items()} | self.context

    def penalise(self, l2: float, l2_side: float, l2_bias: float) -> None:
        """Set the penalties on the vectors of users and items, on those of other fields, and on biases."""
        for name, field in self.fields.items():
            field.penalise(l2 if name in ENTITY_FIELDS else l2_side, l2_bias)

    def context_sums(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Return the sum of each row's context vectors [n, dim], and the part of its logit made of context only [n]."""
        own = rows.dense @ self.linear[:-1] + self.linear[-1]
        sums, squares = torch.zeros(len(rows), self.dim), torch.zeros(len(rows))
        if not self.context:
            return sums, own
        for name, field in self.context.items():
            found = field.parameters.index_select(0, rows.context[name])
            sums += found[:, : self.dim]
            own += found[:, self.dim]
            squares += found[:, : self.dim].square().sum(1)
        return sums, own + 0.5 * (sums.square().sum(1) - squares)

    def logits(self, rows: Rows) -> Tensor:
        """Return the logit of each row, shape [n]."""
        logits = torch.empty(len(rows))
        for here, piece in rows.pieces(PIECE):
            total, own = self.context_sums(piece)
            for side, state in self.sides.items():
                entities = piece.entities[side]
                added = state.sums.index_select(0, entities)[:, : self.dim]
                own += state.own.index_select(0, entities) + (total * added).sum(1)
                total += added
            logits[here] = own
        return logits


class SideRows:
    """The rows of each entity of one side in blocks, with the entities of the other side in these rows.

    Parameters
    ----------
    rows : rows to fit.
    side : side whose entities are grouped into blocks.
    machine : the machine, which knows the number of entities.
    """

    def __init__(self, rows: Rows, side: EntitySide, machine: Machine) -> None:
        self.side = side
        others = [name for name in machine.sides if name != side]
        self.other = others[0] if others else None
        n_entities = len(machine.sides[side].own) - 1
        # Overwritten in each pass; those of entities without rows stay zero.
        self.hessian = torch.zeros(n_entities, machine.dim + 1, machine.dim + 1)
        self.gradient = torch.zeros(n_entities, machine.dim + 1)
        self.met_spread = torch.zeros(n_entities)
        self.blocks = []
        labels, met_by_row = torch.cat([rows.labels, torch.zeros(1)]), None
        if self.other is not None:
            last = len(machine.sides[self.other].own) - 1
            met_by_row = torch.cat([rows.entities[self.other], torch.tensor([last])]).int()
        for block in blocks_of(rows.entities[side], n_entities):
            flat = block.rows.flatten()
            met = None if met_by_row is None else met_by_row.index_select(0, flat)
            self.blocks.append((block.values, block.rows, met, labels.index_select(0, flat).view(block.rows.shape)))

    def update(self, machine: Machine, rows: Rows, relaxation: float) -> None:
        """Take a step with each field of the side, then with the global bias, which has no penalty."""
        side, dim = machine.sides[self.side], machine.dim
        other = None if self.other is None else machine.sides[self.other]
        has_context = bool(machine.context) or bool(rows.dense.shape[1]) or other is None
        # What each row multiplies its entity's sum, part and one with: a sum of vectors, a one, the rest of the logit.
        if has_context:
            context, context_spread = self._context(machine, rows)
        if other is not None:
            rest = other.own[:, None] if has_context else other.own[:, None] + machine.linear[-1]
            table = torch.cat([other.sums, rest], 1)
        for values, places, met, labels in self.blocks:
            shape, flat = places.shape, places.flatten()
            if other is None or met is None:
                features, spread = context.index_select(0, flat), context_spread.index_select(0, flat)
            else:
                features, spread = table.index_select(0, met), other.spread.index_select(0, met)
                if has_context:
                    beside = context.index_select(0, flat)
                    products = (features[:, :dim] * beside[:, :dim]).sum(1)
                    features += beside
                    features[:, -1] += products
                    spread += context_spread.index_select(0, flat)
            features = features.view(*shape, dim + 2)
            state = torch.cat([side.sums[values, :dim], side.own[values, None], torch.ones(len(values), 1)], 1)
            z = (features * state[:, None]).sum(2)
            probability = z.sigmoid()
            weights = curvature(z, probability)
            self.hessian[values], self.gradient[values] = moments(features, weights, labels - probability)
            self.met_spread[values] = (weights * spread.view(shape)).sum(1)
        side.update(self.hessian, self.gradient, self.met_spread, relaxation)
        machine.linear[-1] += self.gradient[:, dim].sum() / self.hessian[:, dim, dim].sum()

    def _context(self, machine: Machine, rows: Rows) -> tuple[Tensor, Tensor]:
        """Return what context and dense columns add to each row's features, and the variance of its context vectors.

        The features are those of `update`, shape [n + 1, dim + 2], and the variances have shape [n + 1]. The last row
        is zero, for padding.
        """
        dim = machine.dim
        features, spread = torch.zeros(len(rows) + 1, dim + 2), torch.zeros(len(rows) + 1)
        for here, piece in rows.pieces(PIECE):
            features[here, :dim], features[here, dim + 1] = machine.context_sums(piece)
            for name, field in machine.context.items():
                spread[here] += field.variances.index_select(0, piece.context[name])
        features[:-1, dim] = float(self.other is None)
        return features, spread


class ContextRows:
    """The rows of each value of a context field in blocks.

    Parameters
    ----------
    rows : rows to fit.
    name : name of the field.
    n_values : number of its values.
    """

    def __init__(self, rows: Rows, name: str, n_values: int) -> None:
        self.name = name
        self.blocks = blocks_of(rows.context[name], n_values)

    def update(
        self, machine: Machine, rows: Rows, sums: Tensor, spread: Tensor, logits: Tensor, relaxation: float
    ) -> None:
        """Take a step with every value, and update the sums, spreads and logits of the rows in place.

        The last row of these tables is padding.

        Parameters
        ----------
        machine, rows : the machine and the rows to fit.
        sums : sum of all vectors of each row, a column of ones and one of zeros, shape [n + 1, dim + 2].
        spread : variance of these sums, shape [n + 1].
        logits : logits of the rows, shape [n + 1].
        relaxation : factor of the step.
        """
        field, dim = machine.context[self.name], machine.dim
        labels = torch.cat([rows.labels, torch.zeros(1)])
        for block in self.blocks:
            shape, flat = block.rows.shape, block.rows.flatten()
            is_row = (block.rows < len(rows)).float()
            own = field.parameters[block.values]
            vectors = torch.nn.functional.pad(own[:, :dim], (0, 2))
            found = sums.index_select(0, flat).view(*shape, dim + 2)
            features = (found - vectors[:, None]) * is_row[..., None]
            z = logits.index_select(0, flat).view(shape)
            probability = z.sigmoid()
            weights = curvature(z, probability) * is_row
            hessian, gradient = moments(features, weights, labels.index_select(0, flat).view(shape) - probability)
            before = field.variances[block.values]
            met = spread.index_select(0, flat).view(shape)
            others = (weights * (met - before[:, None])).sum(1)
            step = field.step(hessian, gradient, others, block.values, relaxation)
            # The rows of padding stay as they are: their features and changes are zero.
            z += (features[..., : dim + 1] * step[:, None]).sum(2)
            found[..., :dim] += (field.parameters[block.values] - own)[:, None, :dim] * is_row[..., None]
            met += (field.variances[block.values] - before)[:, None] * is_row
            flat = flat.long()
            logits.index_copy_(0, flat, z.flatten())
            sums.index_copy_(0, flat, found.flatten(0, 1))
            spread.index_copy_(0, flat, met.flatten())


def update_context(
    machine: Machine, rows: Rows, blocks: list[ContextRows], variational: bool, relaxation: float
) -> None:
    """Take a step with each context field in turn."""
    if not blocks:
        return
    dim = machine.dim
    sums, spread = torch.zeros(len(rows) + 1, dim + 2), torch.zeros(len(rows) + 1)
    for here, piece in rows.pieces(PIECE):
        sums[here, :dim] = machine.context_sums(piece)[0]
        for side, state in machine.sides.items():
            sums[here, :dim] += state.sums.index_select(0, piece.entities[side])[:, :dim]
        if variational:
            for name, field in machine.context.items():
                spread[here] += field.variances.index_select(0, piece.context[name])
            for side, state in machine.sides.items():
                spread[here] += state.spread.index_select(0, piece.entities[side])
    sums[:-1, dim] = 1
    logits = torch.cat([machine.logits(rows), torch.zeros(1)])
    for block in blocks:
        block.update(machine, rows, sums, spread, logits, relaxation)
        if not variational:
            machine.context[block.name].variances.zero_()
            spread.zero_()


def update_linear(machine: Machine, rows: Rows, l2: float) -> None:
    """Take a step with the weights of the dense columns and the global bias, which has no penalty."""
    n_dense = rows.dense.shape[1]
    penalties = torch.tensor([l2] * n_dense + [1e-9], dtype=torch.float64)
    hessian, gradient = torch.diag(penalties), -penalties * machine.linear.double()
    for _, piece in rows.pieces(PIECE):
        logits = machine.logits(piece)
        probability = logits.sigmoid()
        features = torch.cat([piece.dense, torch.ones(len(piece), 1)], 1).double()
        hessian += (features * curvature(logits, probability).double()[:, None]).T @ features
        gradient += features.T @ (piece.labels - probability).double()
    machine.linear += torch.linalg.solve(hessian, gradient).float()
