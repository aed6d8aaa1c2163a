"""The contract of schemes, and of the tables that they make."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from cadc.configuration.class_lookup import allowed_packages
from cadc.data.batch import Bag
from cadc.data.schema import Field
from cadc.embeddings.base.scheme import FLOAT32, Compressed, Scheme, TableSpec
from cadc.embeddings.base.statistics import Statistics
from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.base.table_file import file_bytes, read_table, size_of, write_table
from cadc.errors import DataError, Unreachable, UsageError
from cadc.testing.expect import expect, expect_derived, expect_refusal, global_generators_untouched
from cadc.testing.logs import small_log

DIM = 8
RATIOS = (8.0,)
STD = 0.3


def check_scheme(cls: type[Scheme], dim: int = DIM, ratios: Sequence[float] = RATIOS, **options: Any) -> None:
    """Check that a scheme, and the tables that it makes, keep the contracts of `Scheme` and `EmbeddingTable`.

    A table's file is within the budget, and the smallest budget is named where there is none so small; a file gives the
    same bits again; look-ups are rows of the dense table, bags their means; an id outside its vocabulary is refused;
    gradients are finite and reach all weights; a start from a target is no worse than zero; the same generator gives
    the same table, and no global generator is used.

    Parameters
    ----------
    cls : the class.
    dim : columns of the vectors.
    ratios : compression to try, for a scheme with a budget.
    options : of the class, beside `dim`, `ratio`, `budget` and `small`.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.embeddings.schemes.hashing import Hashing
    >>> check_scheme(Hashing)
    """
    expect_derived(cls, Scheme)
    package = cls.__module__.partition(".")[0]
    expect(
        package in allowed_packages(),
        f"{cls.__name__} is in {package}, which is not a plug-in, so nothing can read its tables from files; install "
        "the package with an entry point in the group cadc.plugins.",
    )
    check = _Checker(cls, dim, options)
    if issubclass(cls, Compressed):
        expect_refusal(UsageError, lambda: cls(dim=dim, ratio=0.5, **options), f"{cls.__name__}(ratio=0.5)")
    for centred in (False, True):
        for budget in check.budgets(ratios, centred):
            if not centred:
                check.repeats(budget)
                check.start(budget)
            table = check.table(budget, centred)
            check.gradients(table)
            check.trained(table)
            check.budget(table, budget)
            check.look_up(table)
            check.file(table)
            check.unknown_ids(table)


class _Checker:
    """Makes tables of one scheme over the fields of the small log, and looks at them."""

    def __init__(self, cls: type[Scheme], dim: int, options: dict[str, Any]) -> None:
        # Of a few more values, since a file's header would else be most of it.
        log = small_log(n_rows=8000, n_users=500, n_items=800)
        self.cls, self.name, self.dim, self.options = cls, cls.__name__, dim, options
        self.fields: tuple[Field, ...] = (*log.schema.single, *log.schema.bags)
        self.statistics = Statistics.of(log)
        self.is_budgeted = issubclass(cls, Compressed)
        self.n_rows = sum(field.vocabulary_size for field in self.fields)
        self.full_bytes = self.n_rows * dim * FLOAT32

    def empty(self, budget: int | None, centred: bool = False, seed: int = 0) -> EmbeddingTable:
        limits = {"budget": budget, "small": 0} if self.is_budgeted else {}
        scheme = self.cls(dim=self.dim, **limits, **self.options)
        generator = torch.Generator().manual_seed(seed)
        table = scheme.table(TableSpec(self.fields, budget, centred, self.statistics, generator))
        expect(
            isinstance(table, cls := scheme.table_class),
            f"{self.name}.table returned {type(table).__name__}; its table_class is {cls.__name__}.",
        )
        return table

    def table(self, budget: int | None, centred: bool = False, seed: int = 0) -> EmbeddingTable:
        """Return a table as training finds it."""
        with global_generators_untouched(self.name):
            table = self.empty(budget, centred, seed)
            generator = torch.Generator().manual_seed(seed)
            dense = [STD * torch.randn(f.vocabulary_size, self.dim, generator=generator) for f in self.fields]
            table.initialise_from(dense if table.holds_rows else [None] * len(dense), None, STD, generator)
        return table

    def budgets(self, ratios: Sequence[float], centred: bool) -> list[int | None]:
        """Return the bytes that these ratios leave, as far as the scheme can do with so few."""
        if not self.is_budgeted:
            return [None]
        least = self.least_budget(centred)
        return [max(least, int(self.full_bytes / ratio)) for ratio in ratios]

    def least_budget(self, centred: bool) -> int:
        try:
            self.empty(1, centred)
        except Unreachable as error:
            least = error.least
        else:
            raise AssertionError(f"{self.name} made a table of {self.n_rows} rows for a budget of 1 byte.")
        size = len(file_bytes(self.table(least, centred)))
        expect(size <= least, f"{self.name} named {least} bytes as its least budget, and its table then takes {size}.")
        expect_refusal(
            Unreachable, lambda: self.empty(least - 1, centred), f"{self.name} with one byte less than its least"
        )
        return least

    def budget(self, table: EmbeddingTable, budget: int | None) -> None:
        size = len(file_bytes(table))
        expect(budget is None or size <= budget, f"{self.name}: a file takes {size} bytes; its budget is {budget}.")
        shapes = {key: (value.dtype, value.shape) for key, value in table.serving().items() if key != "centre"}
        cls = table.served_by or type(table)
        said = size_of(cls, table.fields, self.dim, table.centred, table.plan(), shapes)
        expect(said == size, f"{self.name}: size_of says {said} bytes, and the file takes {size}.")

    def repeats(self, budget: int | None) -> None:
        one, again = self.table(budget), self.table(budget)
        expect(file_bytes(one) == file_bytes(again), f"{self.name} made different tables for the same generator.")

    def start(self, budget: int | None) -> None:
        generator = torch.Generator().manual_seed(1)
        targets = [0.1 + STD * torch.randn(f.vocabulary_size, self.dim, generator=generator) for f in self.fields]
        table = self.empty(budget)
        table.initialise_from(targets, None, STD, generator)
        dense = torch.cat(targets).double()
        error = float((table.reconstruct().double() - dense).square().mean())
        zero = float(dense.square().mean())
        expect(
            error <= zero * (1 + 1e-6),
            f"{self.name}: a table started from a target is further from it (squared error {error:.4g}) than zero is "
            f"({zero:.4g}); see EmbeddingTable.project.",
        )

    def gradients(self, table: EmbeddingTable) -> None:
        table.train()
        trained = {key: own for key, own in table.named_parameters() if own.requires_grad and key != "centre"}
        expect(trained, f"{self.name}: its table has no weight to train.")
        generator = torch.Generator().manual_seed(3)
        rows = torch.arange(self.n_rows)
        loss = (table.vectors(rows) * torch.randn(self.n_rows, self.dim, generator=generator)).sum()
        if table.penalises:
            loss = loss + table.penalty()
        loss.backward()
        for key, weight in trained.items():
            expect(weight.grad is not None, f"{self.name}: no gradient reaches {key}.")
            assert weight.grad is not None
            expect(weight.grad.isfinite().all(), f"{self.name}: the gradient of {key} is not finite.")
            expect(weight.grad.any(), f"{self.name}: the gradient of {key} is zero although every row is looked up.")
        table.zero_grad()

    def trained(self, table: EmbeddingTable) -> None:
        """Move all weights a little, and settle a table that searches."""
        for settles in (True, False) if table.search_epochs else (False,):
            optimizer = torch.optim.Adam(table.parameters(), lr=0.01)
            generator = torch.Generator().manual_seed(4)
            for _ in range(3):
                rows = torch.randint(self.n_rows, (128,), generator=generator)
                loss = (table.vectors(rows) - torch.randn(128, self.dim, generator=generator)).square().mean()
                if table.penalises:
                    loss = loss + table.penalty()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if settles:
                with torch.no_grad():
                    table.settle()

    def look_up(self, table: EmbeddingTable) -> None:
        table.eval()
        dense = table.reconstruct()
        expect(
            dense.shape == (self.n_rows, self.dim) and dense.dtype == torch.float32 and dense.isfinite().all(),
            f"{self.name}: the dense table is {dense.dtype} of shape {tuple(dense.shape)}; expected finite float32 of "
            f"shape {(self.n_rows, self.dim)}.",
        )
        ids = self.ids()
        single = [field for field in self.fields if not field.bag]
        expected = torch.stack(
            [dense[table.first_row[field.name] + ids[:, at].long()] for at, field in enumerate(single)], 1
        )
        with torch.no_grad():
            _expect_close(table(ids), expected, f"{self.name}: a look-up is not the rows of the dense table.")
            for field in (field for field in self.fields if field.bag):
                rows = dense[table.first_row[field.name] + torch.tensor([1, 2])]
                expected = torch.stack([rows.mean(0), torch.zeros(self.dim), rows[0]])
                found = table.pooled(field.name, Bag(torch.tensor([1, 2, 1]).int(), torch.tensor([0, 2, 2]).int()))
                _expect_close(found, expected, f"{self.name}: a bag is not the mean of its rows, an empty one zero.")

    def ids(self) -> Tensor:
        generator = torch.Generator().manual_seed(5)
        sizes = [field.vocabulary_size for field in self.fields if not field.bag]
        return torch.stack([torch.randint(size, (20,), generator=generator, dtype=torch.int32) for size in sizes], 1)

    def file(self, table: EmbeddingTable) -> None:
        table.eval()
        with TemporaryDirectory(prefix="cadc-testing-") as folder:
            path = Path(folder) / "table.safetensors"
            write_table(table, path)
            again = read_table(path)
            with safe_open(path, "pt") as file:  # any reader of safetensors takes it
                names = set(file.keys())
        with torch.no_grad():
            same = torch.equal(table.reconstruct(), again.reconstruct()) and torch.equal(
                table(self.ids()), again(self.ids())
            )
        served = table.served_by or type(table)
        expect(
            type(again) is served and not again.training,
            f"{self.name}: its file was read as a {type(again).__name__}; expected a {served.__name__} in evaluation.",
        )
        expect(names == set(table.serving()), f"{self.name}: its file holds {sorted(names)}, not what serving gives.")
        expect(same, f"{self.name}: a table that was read from its file gives other vectors than the one written.")
        expect(file_bytes(again) == file_bytes(table), f"{self.name}: a table that was read gives another file.")

    def unknown_ids(self, table: EmbeddingTable) -> None:
        single = [field for field in self.fields if not field.bag]
        for column, field in enumerate(single):
            for wrong in (-1, field.vocabulary_size):
                ids = self.ids()
                ids[3, column] = wrong
                expect_refusal(DataError, partial(table, ids), f"{self.name}: the id {wrong} of {field.name}")
        for field in (field for field in self.fields if field.bag):
            bag = Bag(torch.tensor([1, field.vocabulary_size]).int(), torch.tensor([0]).int())
            expect_refusal(DataError, partial(table.pooled, field.name, bag), f"{self.name}: an id of {field.name}")


def _expect_close(found: Tensor, expected: Tensor, sentence: str) -> None:
    expect(found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-5, atol=1e-6), sentence)
