"""Logistic matrix factorisation by Adam on minibatches."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.adam import Adam
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import ExampleParts
from cadc.factorization.factors import pairwise_logits
from cadc.factorization.solvers.logistic_solution import Solution, mean_loss, split_state


def fit_adam(
    draw: Callable[[], ExampleParts],
    held_out: ExampleParts,
    start: Solution,
    l2: float,
    l2_bias: float,
    learning_rate: float,
    batch_size: int,
    stop: EarlyStop,
    generator: torch.Generator,
) -> Solution:
    """Minimise Σ loss + l2/2 Σ|v|² + l2_bias/2 Σb² by steps on minibatches, in float32.

    Parameters
    ----------
    draw : returns the examples of an epoch.
    held_out : validation examples, whose logloss stops the fit and chooses the epoch.
    start : where the fit starts.
    l2, l2_bias : penalties on vectors and biases.
    learning_rate, batch_size : options of Adam.
    stop : tells when to stop.
    generator : draws the order of rows.
    """
    tables = [nn.Parameter(own) for own in start.vectors]
    biases = [nn.Parameter(own) for own in start.biases]
    global_bias = nn.Parameter(torch.tensor(start.global_bias))
    parameters = [*tables, *biases, global_bias]
    examples = draw().all()
    # Steps follow the mean loss of a batch, so a penalty relative to the summed loss is divided by the number of rows.
    groups: list[dict[str, Any]] = [
        {"params": tables if tables[0].shape[1] else [], "weight_decay": l2 / len(examples)},
        {"params": biases, "weight_decay": l2_bias / len(examples)},
        {"params": [global_bias]},
    ]
    optimizer = Adam([group for group in groups if group["params"]], lr=learning_rate)
    while not stop.is_over:
        if stop.epoch:
            examples = draw().all()
        for batch in torch.randperm(len(examples), generator=generator).split(batch_size):
            ids = [column.index_select(0, batch) for column in examples.ids]
            own = [table.index_select(0, column) for column, table in zip(ids, tables, strict=True)]
            shifts = [bias.index_select(0, column) for column, bias in zip(ids, biases, strict=True)]
            logits = pairwise_logits(own, shifts) + global_bias
            loss = binary_cross_entropy_with_logits(logits, examples.labels.index_select(0, batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            stop.tell(mean_loss(held_out, parameters), parameters)
    best_tables, best_biases, best_global = split_state(stop.best)
    return Solution(best_tables, best_biases, float(best_global), stop.epoch, {"l2": l2, "l2_bias": l2_bias})
