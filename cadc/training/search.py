"""Fit a model whose tables first search for their structure: train, fix the structure, train again from the start."""

from collections.abc import Callable, Collection, Iterator, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from cadc.data.log import InteractionLog
from cadc.embeddings.base.table import EmbeddingTable
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit import Fit
from cadc.training.fit_result import FitResult
from cadc.training.fit_state import History

SEARCH = "search"
"""Subfolder of the checkpoints of the search."""


def fit_after_search(
    fit: Fit,
    model: Model,
    log: InteractionLog,
    rows: Tensor,
    generator: torch.Generator,
    checkpoints: Path | CheckpointFolder | None = None,
    tell: Callable[[History], None] | None = None,
    beside: Mapping[str, Tensor] | None = None,
    task: Task = "ctr",
) -> FitResult:
    """Fit a model in place; if some of its tables search for their structure, for `search_epochs` first.

    After the search these tables settle on what they found, everything else is reset to its initial values, and
    training starts again with the same order of batches. Frozen tables settle on their initial values without a search.
    Seconds and epochs of both phases count, and `max_seconds` limits their sum. For the arguments see `Fit`.
    """
    settling = [table for table in model.modules() if isinstance(table, EmbeddingTable) and table.search_epochs]
    trained = [table for table in settling if any(weight.requires_grad for weight in table.parameters())]
    if not trained:
        _settle(settling)
        return fit(model, log, rows, generator, checkpoints, tell, beside, task)
    start = {name: value.detach().clone() for name, value in _learned(model, settling)}
    state = generator.get_state()
    search, rest = copy(fit), copy(fit)
    search.callbacks = {}  # they belong to the epochs that count
    search.max_epochs = max(table.search_epochs for table in trained)
    of_search = None if checkpoints is None else CheckpointFolder.of(checkpoints).below(SEARCH)
    # The listener may want to stop the fit, but the epochs of the search are not part of the curves.
    during = None if tell is None else lambda history: tell([])
    found = search(model, log, rows, generator, of_search, during, beside, task)
    generator.set_state(state)
    _settle(settling)
    with torch.no_grad():
        for name, value in _learned(model, settling):
            if name in start and start[name].shape == value.shape:
                value.copy_(start[name])
    if fit.max_seconds is not None:
        rest.max_seconds = max(fit.max_seconds - found.seconds, 0.0)
    result = rest(model, log, rows, generator, checkpoints, tell, beside, task)
    return replace(result, seconds=result.seconds + found.seconds, epochs=result.epochs + found.epochs)


def _learned(model: nn.Module, settling: Collection[EmbeddingTable]) -> Iterator[tuple[str, Tensor]]:
    """Yield names and values of all that training changes, except the buffers in which tables keep their structure."""
    chosen = {id(value) for table in settling for value in table.buffers()}
    yield from model.named_parameters()
    yield from ((name, value) for name, value in model.named_buffers() if id(value) not in chosen)


def _settle(tables: Collection[EmbeddingTable]) -> None:
    for table in tables:
        is_trained = any(weight.requires_grad for weight in table.parameters())
        with torch.no_grad():
            table.settle()
        if not is_trained:  # settling may have made new parameters
            table.requires_grad_(False)
