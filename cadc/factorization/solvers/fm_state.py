"""State of a factorisation machine during its fit: parameters of each field, and their sums for each entity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from cadc.data.schema import UNKNOWN
from cadc.factorization.solvers.majorize import HELD, newton

PIECE = 1 << 13
"""Entities, or values, whose matrices are in memory at once, beside those of the side."""


@dataclass
class FieldState:
    """Parameters of one field, float32.

    Parameters
    ----------
    parameters : vector and bias of each value, shape [V, dim + 1].
    penalties : penalty on each parameter, shape [V, dim + 1].
    variances : mean variance of each vector's components, shape [V].
    """

    parameters: Tensor
    penalties: Tensor
    variances: Tensor

    @classmethod
    def start(cls, vectors: Tensor, biases: Tensor | None = None) -> FieldState:
        """Return the initial state: given vectors (shape [V, dim]), with zero for *unknown*, and biases, or zeros."""
        n_values, dim = vectors.shape
        own = torch.zeros(n_values) if biases is None else biases
        parameters = torch.cat([vectors, own[:, None]], 1)
        parameters[UNKNOWN, :dim] = 0
        return cls(parameters, torch.zeros(n_values, dim + 1), torch.zeros(n_values))

    def penalise(self, l2: float, l2_bias: float) -> None:
        """Set the penalties on vectors and on biases."""
        self.penalties[:, :-1], self.penalties[:, -1] = l2, l2_bias
        self.penalties[UNKNOWN, :-1] = HELD

    def step(self, hessian: Tensor, gradient: Tensor, spread: Tensor, values: Tensor, relaxation: float) -> Tensor:
        """Move some values towards the minimum of their bounds, and return the step, shape [m, dim + 1].

        Parameters
        ----------
        hessian, gradient : derivatives of the loss without penalty, shapes [m, k, k] (overwritten) and [m, k].
        spread : what the variances of the other vectors in the rows add to the penalty, shape [m].
        values : ids of the values, int64, shape [m].
        relaxation : factor of the step.
        """
        dim = self.parameters.shape[1] - 1
        penalties = self.penalties[values].clone()
        penalties[:, :dim] += spread[:, None]
        step, self.variances[values] = newton(hessian, gradient - self.parameters[values] * penalties, penalties)
        step = relaxation * step
        self.parameters[values] += step
        self.variances[UNKNOWN] = 0
        return step


class Side:
    """All users, or items: the sum S of each entity's vectors, and the part B of the logit that depends on it alone.

    B is the sum of the biases and of the products among the entity's own fields. The logit of a row without context is
    then Σ_sides B + S_user·S_item, plus the global bias. The last row of each table is zero, for padding.

    Parameters
    ----------
    fields : state of each field, by name.
    incidences : shares of values in entities, by name, see `fm_rows.incidence`.
    n_entities : number of rows of the entity table.
    dim : length of the vectors.
    variational : whether variances are kept.
    """

    def __init__(
        self,
        fields: dict[str, FieldState],
        incidences: dict[str, csr_array],
        n_entities: int,
        dim: int,
        variational: bool,
    ) -> None:
        self.fields, self.variational, self.dim = fields, variational, dim
        self.incidences = {name: matrix.tocsr() for name, matrix in incidences.items()}
        self.by_entity = {name: matrix.T.tocsr() for name, matrix in incidences.items()}
        self.squared = {name: matrix.multiply(matrix).tocsr() for name, matrix in self.by_entity.items()}
        # The column of ones is multiplied with the other side's B.
        self.sums = torch.cat([torch.zeros(n_entities + 1, dim), torch.ones(n_entities + 1, 1)], 1)
        self.sums[-1] = 0
        self.own = torch.zeros(n_entities + 1)
        self.spread = torch.zeros(n_entities + 1)
        squares = torch.zeros(n_entities)
        for name in fields:
            mean = self.means(name)
            self.sums[:-1, :dim] += mean[:, :dim]
            self.own[:-1] += mean[:, dim]
            squares += mean[:, :dim].square().sum(1)
        self.own[:-1] += 0.5 * (self.sums[:-1, :dim].square().sum(1) - squares)

    def means(self, name: str, of: Tensor | None = None) -> Tensor:
        """Return the mean over each entity's values of a field of the parameters, or of a table `of`, shape [n, k]."""
        table = self.fields[name].parameters if of is None else of
        return torch.from_numpy(self.by_entity[name] @ table.numpy())

    def spreads(self, name: str) -> Tensor:
        """Return the variance that a field contributes to each entity's sum, shape [n]."""
        return torch.from_numpy(self.squared[name] @ self.fields[name].variances.numpy())

    def update(self, hessian: Tensor, gradient: Tensor, met: Tensor, relaxation: float) -> None:
        """Take a step with each field in turn, on a bound of the loss as a function of each entity's (S, B).

        Let (v, b) be the parameters of a field, and c the sum of the vectors of the entity's other fields. S changes by
        v, and B by b + c·v; this turns the Hessian and the gradient of the bound into those of (v, b). The bound of a
        value is the sum of the bounds of its entities. The values of a bag change together; the bound is divided among
        them by their shares (Jensen's inequality).

        Parameters
        ----------
        hessian, gradient : derivatives of the loss by (S, B), shapes [n, k, k] and [n, k]. The gradient points
            downhill, and is updated in place.
        met : variance of the other side's vectors times the curvature, summed over the rows of each entity, shape [n].
        relaxation : factor of the steps.
        """
        dim = self.dim
        for name, field in self.fields.items():
            rest = self.sums[:-1, :dim] - self.means(name)[:, :dim]
            own_gradient = gradient.clone()
            own_gradient[:, :dim] += rest * gradient[:, dim:]
            before = self.spreads(name)
            spread = torch.zeros(len(gradient))
            if self.variational:
                spread = met + hessian[:, dim, dim] * (self.spread[:-1] - before)
            shares = self.incidences[name]
            of_values = torch.from_numpy(shares @ torch.cat([own_gradient, spread[:, None]], 1).numpy())
            step = torch.empty_like(field.parameters)
            for first in range(0, len(step), PIECE):
                values = torch.arange(first, min(first + PIECE, len(step)))
                own_hessian = self._hessians(hessian, rest, shares[first : first + PIECE])
                step[values] = field.step(
                    own_hessian, of_values[values, :-1], of_values[values, -1], values, relaxation
                )
            change = self.means(name, step)
            change[:, dim] += (rest * change[:, :dim]).sum(1)
            self.sums[:-1, :dim] += change[:, :dim]
            self.own[:-1] += change[:, dim]
            gradient -= torch.bmm(hessian, change[..., None])[..., 0]
            if self.variational:
                self.spread[:-1] += self.spreads(name) - before

    def _hessians(self, hessian: Tensor, rest: Tensor, shares: csr_array) -> Tensor:
        """Return the Hessians by (v, b) of some values, which are sums over their entities, shape [m, k, k].

        Parameters
        ----------
        hessian : Hessian by (S, B) of each entity, shape [n, k, k].
        rest : c of each entity, shape [n, dim].
        shares : shares of the m values in the entities, shape [m, n].
        """
        m, k = shares.shape[0], self.dim + 1
        found = np.zeros((m, k * k), np.float32)
        # Piece by piece, because the matrices of all entities at once take much memory.
        for first in range(0, shares.nnz, PIECE):
            entities = torch.from_numpy(shares.indices[first : first + PIECE].astype(np.int64))
            part, shift = hessian[entities], rest[entities]
            corner = part[:, self.dim, self.dim, None]
            half = part[:, : self.dim, self.dim] + 0.5 * corner * shift
            outer = torch.bmm(half[:, :, None], shift[:, None])
            part[:, : self.dim, : self.dim] += outer + outer.transpose(1, 2)
            part[:, : self.dim, self.dim] += corner * shift
            part[:, self.dim, : self.dim] = part[:, : self.dim, self.dim]
            n_here = len(entities)
            bounds = np.clip(shares.indptr, first, first + n_here) - first
            here = csr_array((shares.data[first : first + n_here], np.arange(n_here), bounds), shape=(m, n_here))
            found += here @ part.reshape(n_here, k * k).numpy()
        return torch.from_numpy(found).view(m, k, k)
