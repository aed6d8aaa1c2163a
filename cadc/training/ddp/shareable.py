"""Whether several ranks can share the batches of a model: the loss of a row must depend on that row alone."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cadc.data.log import InteractionLog
from cadc.errors import NotTogether
from cadc.training.ddp.row_dropout import dropout_layers
from cadc.training.objective import Objective
from cadc.training.random_state import random_state, set_random_state

N_ROWS, N_TOGETHER = 64, 7
"""Rows that are tried, and how many at once."""

TOLERANCE = 1e-4
"""Difference of the losses of some rows, at once and in pieces, that rounding explains."""


def require_rows(n_ranks: int, n_rows: int, batch_size: int) -> None:
    """Raise a NotTogether for fewer rows, in all or in a batch, than there are processes.

    >>> require_rows(4, 3, 256)
    Traceback (most recent call last):
    cadc.errors.NotTogether: 4 processes train on 3 rows; expected a row for each: lower trainer.devices.
    """
    if n_rows < n_ranks:
        raise NotTogether(
            f"{n_ranks} processes train on {n_rows} rows; expected a row for each: lower trainer.devices."
        )
    if batch_size < n_ranks:
        raise NotTogether(
            f"{n_ranks} processes train on batches of {batch_size} rows; expected a row for each: raise "
            "trainer.batch_size, or lower trainer.devices."
        )


@torch.no_grad()
def require_shareable(objective: Objective, log: InteractionLog, rows: Tensor, beside: Mapping[str, Tensor]) -> None:
    """Raise a NotTogether for a model whose objective is not a mean over the rows of a batch.

    It is tried out on some rows, with which models of others need declare nothing: at once, and in pieces. Losses with
    negative items of the batch, or drawn at random, and normalisation over the batch fail. So does dropout of anything
    else than rows, whose masks ranks cannot share.

    Parameters
    ----------
    objective : of the model, in training.
    log, rows, beside : of the training, see `cadc.training.fit.Fit`.
    """
    places = torch.linspace(0, len(rows) - 1, min(N_ROWS, len(rows))).long()
    batch = log.gather(rows[places])
    for name, values in beside.items():
        setattr(batch, name, values[places])
    model, before = objective.model, random_state()
    was_training = model.training
    model.train()
    name = type(model).__name__
    try:
        with _Lengths(model) as lengths:
            at_once = float(objective.penalised(objective.mean_loss(batch)))
            lengths.require(len(batch), name)
            in_pieces = 0.0
            for part in batch.split(N_TOGETHER):
                in_pieces += len(part) / len(batch) * float(objective.penalised(objective.mean_loss(part)))
                lengths.require(len(part), name)
    finally:
        model.train(was_training)
        set_random_state(before)
    if not abs(at_once - in_pieces) <= TOLERANCE * max(1.0, abs(at_once)):
        raise NotTogether(
            f"the loss of a row depends on the other rows of its batch in {name}, or on items drawn at random, so "
            "several processes cannot share a batch and compute what one does; set trainer.devices=1, or train "
            "several runs side by side with hydra/launcher=joblib."
        )


class _Lengths:
    """Turns dropout off in a `with` block, and notes the lengths of its inputs."""

    def __init__(self, model: nn.Module) -> None:
        self._layers = [(layer, layer.p) for layer in dropout_layers(model)]
        self._found: set[int] = set()

    def __enter__(self) -> "_Lengths":
        for layer, _ in self._layers:
            layer.p = 0.0
        self._hooks = [layer.register_forward_hook(self._note) for layer, _ in self._layers]
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()
        for layer, probability in self._layers:
            layer.p = probability

    def _note(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._found.add(len(inputs[0]))

    def require(self, n_rows: int, name: str) -> None:
        """Raise a NotTogether if some input since the last call had another length."""
        found, self._found = self._found, set()
        if found - {n_rows}:
            raise NotTogether(
                f"{name} drops out entries of something else than the rows of a batch, so several processes cannot "
                "draw the same ones; set the model's dropout to 0, or trainer.devices=1."
            )
