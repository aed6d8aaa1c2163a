"""Passes of a factorisation machine: a step with each field of a side, with each field of the context, and so on."""

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.factorization.solvers.fm_fit import ContextRows, Machine, SideRows, update_context, update_linear
from cadc.factorization.solvers.fm_rows import Rows
from cadc.factorization.solvers.penalties import Descent


class FieldByField(Descent):
    """A fit that takes a step with each field in turn.

    Parameters
    ----------
    machine : the machine, with its initial parameters.
    rows, held_out : rows to fit, and validation rows.
    variational, relaxation : see `FactorizationMachine`.
    """

    def __init__(self, machine: Machine, rows: Rows, held_out: Rows, variational: bool, relaxation: float) -> None:
        self.machine, self.rows, self.held_out = machine, rows, held_out
        self.variational, self.relaxation = variational, relaxation
        self._sides = [SideRows(rows, side, machine) for side in reversed(machine.sides)]
        self._context = [ContextRows(rows, name, len(field.parameters)) for name, field in machine.context.items()]

    def step(self, penalties: Mapping[str, float]) -> None:
        """Take a step with each field, under penalties `l2`, `l2_side` and `l2_bias`."""
        self.machine.penalise(**penalties)
        for side in self._sides:
            side.update(self.machine, self.rows, self.relaxation)
        update_context(self.machine, self.rows, self._context, self.variational, self.relaxation)
        if self.rows.dense.shape[1] or not self._sides:
            update_linear(self.machine, self.rows, penalties["l2_bias"])
        self.passes += 1

    def settle(self, penalties: Mapping[str, float]) -> None:
        """Take the variances that belong to the parameters, which are those that steps of no length find."""
        self.machine.penalise(**penalties)
        for side in self._sides:
            side.update(self.machine, self.rows, relaxation=0.0)
        update_context(self.machine, self.rows, self._context, self.variational, relaxation=0.0)

    def loss(self) -> float:
        """Return the mean logloss of the validation rows."""
        logits = self.machine.logits(self.held_out)
        return float(binary_cross_entropy_with_logits(logits, self.held_out.labels))

    def state(self) -> list[Tensor]:
        """Return parameters and variances of all fields, their sums for each entity, and the linear weights."""
        of_fields = [own for field in self.machine.fields.values() for own in (field.parameters, field.variances)]
        of_sides = [own for side in self.machine.sides.values() for own in (side.sums, side.own, side.spread)]
        return [*of_fields, *of_sides, self.machine.linear]

    def restore(self, state: Sequence[Tensor]) -> None:
        """Go back to a state."""
        for now, before in zip(self.state(), state, strict=True):
            now.copy_(before)
