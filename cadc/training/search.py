"""Training twice: tables that search for their structure first are then trained from the start with what they found."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from cadc.data.log import InteractionLog
from cadc.embeddings.table import EmbeddingTable
from cadc.training.fit import Fit, FitResult, History
from cadc.training.held_out import Task


def fit_after_search(
    fit: Fit,
    model: nn.Module,
    log: InteractionLog,
    rows: Tensor,
    generator: torch.Generator,
    checkpoints: Path | None = None,
    tell: Callable[[History], None] | None = None,
    beside: Mapping[str, Tensor] | None = None,
    task: Task = "ctr",
) -> FitResult:
    """Fit a model in place; where tables of it search, for their `search_epochs` first.

    After the search each of them settles, all parameters go back to their initial values, and training begins anew
    with the same order of batches. The seconds and epochs of both count. Arguments are those of `Fit`.
    """
    searching = [table for table in model.modules() if isinstance(table, EmbeddingTable) and table.search_epochs]
    if not searching:
        return fit(model, log, rows, generator, checkpoints, tell, beside, task)
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    state = generator.get_state()
    search = copy(fit)
    search.max_epochs = max(table.search_epochs for table in searching)
    of_search = None if checkpoints is None else checkpoints / "search"
    found = search(model, log, rows, generator, of_search, None, beside, task)
    generator.set_state(state)
    with torch.no_grad():
        for table in searching:
            table.settle()
        for name, value in model.named_parameters():
            if name in start and start[name].shape == value.shape:
                value.copy_(start[name])
    result = fit(model, log, rows, generator, checkpoints, tell, beside, task)
    return replace(result, seconds=result.seconds + found.seconds, epochs=result.epochs + found.epochs)
