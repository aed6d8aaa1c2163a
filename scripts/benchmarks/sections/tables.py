"""Look-ups of every embedding scheme, forward and backward, at the defaults of its option."""

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import OURS, Case, Figures, Work
from benchmarks.options import Options

if TYPE_CHECKING:
    from torch import Tensor

    from cadc.embeddings.base.table import EmbeddingTable

BATCH = 4096
SMALL = 100
"""Only fields with more values are looked up; compressing schemes compress no others."""


def cases(options: Options) -> Iterator[Case]:
    """Yield a batch of user and item ids for each length of vectors; `cadc` is the full table, the rest its schemes."""
    import torch

    from cadc.configuration.groups import groups
    from cadc.embeddings.base.scheme import TableSpec, budget_of
    from cadc.embeddings.base.statistics import Statistics
    from cadc.errors import UsageError

    log = options.open(options.compose("model=dlrm", "initializer=random"))
    statistics = Statistics.of(log)
    least = options.size(SMALL, 0)
    fields = [field for field in log.schema.single if field.vocabulary_size > least]
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(log.n_rows("train"), generator=generator)[:BATCH]
    ids = torch.stack([log.field_ids(field.name, rows) for field in fields], 1)
    for dim in (16, 64):
        works: dict[str, Work] = {}
        remarks = {}
        for name in ("full", *sorted(set(groups()["embedding"]) - {"full"})):
            scheme = options.compose("model=dlrm", f"embedding={name}", f"embedding.dim={dim}").scheme
            assert scheme is not None
            built = scheme.build()
            started = time.perf_counter()
            try:
                table = built.table(TableSpec(fields, budget_of(built, fields, fields), False, statistics))
                dense = [torch.randn(field.vocabulary_size, dim, generator=generator) for field in fields]
                table.initialise_from(dense if table.holds_rows else [None] * len(fields))
            except UsageError as error:
                remarks[name] = str(error)
                continue
            figures = {"seconds to make": time.perf_counter() - started}
            gradient = torch.randn(len(ids), len(fields), dim, generator=generator)
            works[OURS if name == "full" else name] = partial(look_up, table, ids, gradient, figures)
        yield Case(f"d = {dim}, {len(ids)} rows of {len(fields)} fields", works, ids.numel(), "look-ups", remarks)


def look_up(table: "EmbeddingTable", ids: "Tensor", gradient: "Tensor", figures: Figures) -> Figures:
    """Look up a batch, and compute the gradients of the table's parameters."""
    table.zero_grad()
    table(ids).backward(gradient)
    return figures
