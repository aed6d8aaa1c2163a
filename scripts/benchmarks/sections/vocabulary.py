"""A training step by the size of the vocabulary: tables of 16 numbers for each of 10,000 to a million items."""

from collections.abc import Iterator, Sequence

from benchmarks.case import OURS, Case, Work
from benchmarks.options import Options
from benchmarks.steps import our_step

BATCH = 4096
SIZES = (10_000, 100_000, 1_000_000)
DENSE_MOST = 1_000_000
"""Largest vocabulary whose gradients are also kept for every row."""
RUN = ("model=dlrm_products", "model.constant=true", "initializer=random", "embedding.dim=16", "sampler.rate=1")


def cases(options: Options, sizes: Sequence[int] = SIZES) -> Iterator[Case]:
    """Yield a step for each size, as a run would take it by its defaults, beside a plain loop."""
    import torch

    from benchmarks.plain_dlrm import PlainRows, plain_model, plain_step

    for size in sizes:
        n_items = options.size(size, size // 1000)
        settings = options.compose(*RUN, *generated(n_items))
        log = options.open(settings)
        # Enough for all batches of the turns to be of other rows.
        rows = torch.randperm(log.n_rows("train"), generator=torch.Generator().manual_seed(0))[: 100 * BATCH]
        held, batch_size = PlainRows(log, rows), min(BATCH, len(rows))
        works: dict[str, Work] = {OURS: our_step(settings, log, batch_size)}
        if size <= DENSE_MOST:
            plain = plain_model(log, 16)
            adam = torch.optim.Adam(plain.parameters(), lr=1e-3, fused=True)
            works["PyTorch, fused Adam"] = plain_step(plain, held, batch_size, adam)
        sparse = plain_model(log, 16, sparse=True)
        works["PyTorch, SparseAdam"] = plain_step(sparse, held, batch_size, SparseAndDense(sparse))
        yield Case(f"{n_items:,} items, a step of {batch_size} rows", works, batch_size, "rows")


def generated(n_items: int) -> tuple[str, ...]:
    """Return the overrides of a generated log in which most of so many items occur."""
    return (
        "data=synthetic",
        f"data.n_rows={2 * n_items + 1000}",
        f"data.n_users={max(n_items // 10, 50)}",
        f"data.n_items={n_items}",
        "data.activity_exponent=0.5",
    )


class SparseAndDense:
    """SparseAdam for tables whose gradients hold the rows of a batch, and fused Adam for all other weights."""

    def __init__(self, model: "object") -> None:
        import torch

        assert isinstance(model, torch.nn.Module)
        tables = [own.weight for own in model.modules() if isinstance(own, torch.nn.Embedding)]
        others = [own for own in model.parameters() if all(own is not table for table in tables)]
        self._parts = (torch.optim.SparseAdam(tables, lr=1e-3), torch.optim.Adam(others, lr=1e-3, fused=True))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none)

    def step(self) -> None:
        """Take a step."""
        for part in self._parts:
            part.step()
