"""Logistic factorisation machine over all fields of a log (Rendle 2010)."""

import time
from typing import ClassVar

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, Field
from cadc.data.seen_ids import seen_ids
from cadc.errors import DataError, UsageError, require_at_least, require_positive
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import require_both_labels, reset_absent
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors
from cadc.factorization.solvers.fm_descent import FieldByField
from cadc.factorization.solvers.fm_fit import Machine
from cadc.factorization.solvers.fm_rows import Rows, incidence, read_rows
from cadc.factorization.solvers.fm_state import FieldState, Side
from cadc.factorization.solvers.majorize import MIN_PASSES
from cadc.factorization.solvers.penalties import Penalty, fit_penalised, require_penalties
from cadc.factorization.warm_start import WarmStart
from cadc.randomness import torch_generator

START = {"l2": 5.0, "l2_side": 50.0, "l2_bias": 2.0}
"""Penalties that the choice by validation starts from."""

BESIDE_VECTORS = 2.0
"""Where the penalty of biases starts beside vectors, relative to the best one without."""


class FactorizationMachine(Factorization):
    """logit = b + Σ_f b_f + Σ_{f<g} v_f·v_g + w·x over all fields, with the mean of bags, fitted with early stopping.

    Every pass takes one closed-form step with each field (see `majorize`). The steps of user and item fields use
    statistics that are summed once for each entity, so that side features cost little more than the ids.

    Parameters
    ----------
    dim : length of the vectors; at 0 there are biases only; None takes the length that the initialiser needs.
    l2 : penalty on half the squared norms of user and item vectors, relative to the loss summed over all rows.
    l2_side : likewise for the vectors of all other fields.
    l2_bias : likewise for biases and for the weights of dense columns; the global bias has no penalty. Any of the three
        may be `auto`, so that the validation logloss chooses it (see `fit_penalised`).
    variational : whether the penalty of each vector grows with the uncertainty of the vectors that it is multiplied
        with (see `logistic_newton`).
    relaxation : factor of each step, above 0 and below 2.
    tolerance : the fit stops at the first pass, from the third on, that lowers the validation logloss by less.
    max_epochs : most passes.
    fields : names of the fields to factorise; None takes all.
    init_std : standard deviation of the sum of the initial vectors of a side's fields.
    seed : seed of the initial vectors, see `Factorization`.
    """

    reads_validation: ClassVar[bool] = True
    goes_on: ClassVar[bool] = True

    def __init__(
        self,
        dim: int | None = None,
        l2: Penalty = 5.0,
        l2_side: Penalty = 50.0,
        l2_bias: Penalty = 16.0,
        variational: bool = True,
        relaxation: float = 1.6,
        tolerance: float = 1e-3,
        max_epochs: int = 100,
        fields: tuple[str, ...] | None = None,
        init_std: float = 0.3,
        seed: int | None = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, init_std=init_std, tolerance=tolerance)
        require_penalties(l2=l2, l2_side=l2_side, l2_bias=l2_bias)
        require_at_least(1, "factorization", max_epochs=max_epochs)
        require_positive("factorization", relaxation=relaxation)
        if relaxation >= 2:
            raise UsageError(f"factorization.relaxation is {relaxation}; it must be below 2, or the loss may grow.")
        if fields is not None and not fields:
            raise UsageError("factorization.fields is empty; name fields of the log, or set it to null.")
        self.dim, self.l2, self.l2_side, self.l2_bias = dim, l2, l2_side, l2_bias
        self.variational, self.relaxation, self.tolerance = variational, relaxation, tolerance
        self.max_epochs, self.fields, self.init_std, self.seed = max_epochs, fields, init_std, seed

    def draws(self, dim: int) -> bool:
        """Tell whether the seed matters, see `Factorization.draws`; biases alone start at 0."""
        return dim > 0

    def fit(
        self, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log, see `Factorization.fit`.

        Returns
        -------
        factors : factors of all fields, with weights of the dense columns, of the pass with the lowest validation
            logloss.
        cost : `seconds`, `epochs`, and the penalties.

        Raises
        ------
        DataError : if the log lacks a field, no field is single-valued, or all labels are the same.
        CadcError : if the loss is not finite.
        """
        return self._fitted(None, log, rows, dim, validation)

    def fit_from(
        self, before: WarmStart, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows from earlier factors on, see `Factorization.fit_from`.

        Variances are found in a pass that changes nothing else.
        """
        return self._fitted(before, log, rows, dim, validation)

    def _fitted(
        self, before: WarmStart | None, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None
    ) -> tuple[Factors, dict[str, float]]:
        stopping = log.rows("validation") if validation is None else validation
        started = time.perf_counter()
        fields = [field for field in log.schema.fields if self.fields is None or field.name in self.fields]
        for name in self.fields or ():
            log.schema[name]  # raises where the log has no such field
        if all(field.bag for field in fields):
            raise DataError("there is no single-valued field to factorise; factorization=fm needs at least one.")
        kept, held_out = read_rows(log, rows, fields), read_rows(log, stopping, fields)
        require_both_labels(kept.labels, "set factorization=als, or factorization=cooccurrence for all fields")

        def make(dim: int, biases: FieldByField | None) -> FieldByField:
            machine = self._start(log, kept, fields, dim, None if biases is None else biases.machine, before)
            return FieldByField(machine, kept, held_out, self.variational, self.relaxation)

        most = self.max_epochs if before is None else before.passes(self.max_epochs)
        stop = EarlyStop(most, 1, self.tolerance, "raise factorization.l2.", MIN_PASSES)
        asked: dict[str, Penalty] = {"l2_side": self.l2_side, "l2": self.l2, "l2_bias": self.l2_bias}
        if all(field.name in ENTITY_FIELDS for field in fields):
            asked["l2_side"] = START["l2_side"]  # no vector has it
        start = START if before is None else START | {name: before.penalties.get(name, START[name]) for name in START}
        chosen = fit_penalised(make, dim, asked, start, stop, BESIDE_VECTORS, goes_on=before is not None)
        machine = chosen.fit.machine
        found = {name: field.parameters for name, field in machine.fields.items()}
        factors = Factors(
            {field.name: found[field.name][:, :dim].clone() for field in fields},
            {field.name: found[field.name][:, dim].clone() for field in fields},
            machine.linear[:-1].clone() if log.schema.dense else None,
        )
        factors.biases[_holds_global(log, fields)] += machine.linear[-1]
        reset_absent(factors, _present(log, rows, fields))
        cost = {"seconds": time.perf_counter() - started, "epochs": chosen.passes}
        return factors, cost | chosen.penalties

    def _start(
        self,
        log: InteractionLog,
        rows: Rows,
        fields: list[Field],
        dim: int,
        biases: Machine | None = None,
        before: WarmStart | None = None,
    ) -> Machine:
        """Return the machine with its initial parameters; the biases are those of another one, or zero."""
        earlier: dict[str, Tensor] = {}
        of_all = 0.0
        if before is not None:
            sizes = {field.name: field.vocabulary_size for field in fields}
            earlier, of_all = before.biases(sizes, _holds_global(log, fields))
        generator = torch_generator(self.seed or 0, "factorize")

        def state(field: Field, n_fields: int) -> FieldState:
            vectors = torch.randn(field.vocabulary_size, dim, generator=generator) * self.init_std / n_fields**0.5
            if before is not None:
                return FieldState.start(before.vectors(field.name, vectors), earlier[field.name])
            return FieldState.start(vectors, None if biases is None else biases.fields[field.name].parameters[:, -1])

        sides = {}
        for side in rows.entities:
            own = [field for field in fields if field.side == side]
            sides[side] = Side(
                {field.name: state(field, len(own)) for field in own},
                {field.name: incidence(log, side, field) for field in own},
                log.n_entities(side),
                dim,
                self.variational,
            )
        context = [field for field in fields if field.side == "context"]
        machine = Machine(
            sides, {field.name: state(field, len(context)) for field in context}, rows.dense.shape[1], dim
        )
        machine.linear[-1] = float(torch.logit(rows.labels.mean().clamp(1e-6, 1 - 1e-6)))
        if biases is not None:
            machine.linear.copy_(biases.linear)
        if before is not None:
            machine.linear[-1] = of_all
            if before.factors.dense is not None:
                machine.linear[:-1] = before.factors.dense
        return machine


def _holds_global(log: InteractionLog, fields: list[Field]) -> str:
    """Return the field whose biases the bias of all rows is added to."""
    single = [field.name for field in log.schema.single if field in fields]
    return "item" if "item" in single else single[-1]


def _present(log: InteractionLog, rows: Tensor, fields: list[Field]) -> dict[str, Tensor]:
    """Tell for each field which values, *unknown* included, occur in some rows, bool, shape [vocabulary size]."""
    present = seen_ids(log, rows, [field.name for field in fields])
    for field in fields:
        if not field.bag:
            present[field.name][0] = bool((log.field_ids(field.name, rows) == 0).any())
    return present
