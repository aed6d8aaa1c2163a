"""Every scheme of conf/embedding, with every choice that it offers, and tables made of them for tests."""

import re
import typing
from copy import deepcopy
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pytest
import torch

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import build, options_of
from cadc.configuration.groups import groups, keys_of
from cadc.data.batch import Bag
from cadc.embeddings.base.scheme import Compressed, Scheme, TableSpec
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.base.table import EmbeddingTable
from cadc.errors import UsageError
from tests.support.helpers import small_synthetic_log

DIM = 8

NODES: dict[str, dict[str, Any]] = {name: keys_of("embedding", name) for name in groups()["embedding"]}
"""Node of each option of the group."""


def _variants() -> dict[str, dict[str, Any]]:
    """Each option as it is, and once more for every other value of each choice that it offers."""
    found = {}
    for name, node in NODES.items():
        found[name] = node
        hints = typing.get_type_hints(load_class(node["_target_"]).__init__)
        for option, value in options_of(node, "embedding").items():
            hint = hints.get(option)
            others = get_args(hint) if get_origin(hint) is Literal else (True, False) if hint is bool else ()
            for other in others:
                if other != value:
                    found[f"{name} {option}={other}"] = {**node, option: other}
    return found


VARIANTS = _variants()
"""Nodes by a name such as `qr operation=add`."""
RATIO = 8.0
"""Of bytes, which tables of tests have where nothing else is said."""
LOWER = {"mixed_dimension dtype=float32": 5.0}
"""Ratio of those that cannot go as far, as each row has a number at least."""
BUDGETED = [name for name, node in VARIANTS.items() if issubclass(load_class(node["_target_"]), Compressed)]


def scheme_of(name: str, **options: Any) -> Scheme:
    """A scheme that compresses even small fields; `budget` and `ratio` only for those that know them."""
    small = {"small": 0} if name in BUDGETED else {}
    few = {"steps": 40} if "steps" in VARIANTS[name] else {}  # of a projection by regression
    return build({**VARIANTS[name], **few, "dim": DIM, **small, **options}, "embedding")


@cache
def log():
    """A log of some 1,300 values in seven fields, one of them a bag."""
    return small_synthetic_log(n_rows=8000, n_users=500, n_items=800)


@cache
def known():
    return Statistics.of(log())


def fields():
    return (*log().schema.single, *log().schema.bags)


def n_rows():
    return sum(field.vocabulary_size for field in fields())


def table_of(name: str, budget: int | None = None, seed: int = 0, centred: bool = False, of=None, **options: Any):
    """An empty table over all fields of the log, or over others, of which nothing but this is known."""
    own = fields() if of is None else of
    statistics = known() if of is None else NOTHING_KNOWN
    full = 4 * options.get("dim", DIM) * sum(field.vocabulary_size for field in own)
    asked = None if name not in BUDGETED else int(full / LOWER.get(name, RATIO)) if budget is None else budget
    generator = torch.Generator().manual_seed(seed)
    limits = {"budget": asked} if name in BUDGETED else {}
    return scheme_of(name, **limits, **options).table(TableSpec(own, asked, centred, statistics, generator=generator))


@cache
def _random_table(name: str, budget: int | None, seed: int, std: float, options: tuple[tuple[str, Any], ...]):
    return _started(table_of(name, budget, seed, **dict(options)), seed, std)


def random_table(name: str, budget: int | None = None, seed: int = 0, std: float = 0.3, **options: Any):
    """A table as training finds it where nothing is enriched."""
    return deepcopy(_random_table(name, budget, seed, std, tuple(options.items())))


def _started(table: EmbeddingTable, seed: int, std: float) -> EmbeddingTable:
    generator = torch.Generator().manual_seed(seed + 100)
    own = table.fields
    dense = [std * torch.randn(field.vocabulary_size, table.dim, generator=generator) for field in own]
    table.initialise_from(dense if table.holds_rows else [None] * len(own), None, std, generator)
    return table


def trained(table: EmbeddingTable, steps: int = 3, seed: int = 0) -> EmbeddingTable:
    """Move all weights a little, as training does."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(table.parameters(), lr=0.01)
    table.train()
    for _ in range(steps):
        rows = torch.randint(table.n_rows, (256,), generator=generator)
        wanted = torch.randn(256, table.dim, generator=generator)
        loss = (table.vectors(rows) - wanted).square().mean()
        if table.centre is not None:
            loss = loss + table.centre.sum()
        if table.penalises:
            loss = loss + table.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return table


def ready(name: str, budget: int | None = None, seed: int = 0, **options: Any) -> EmbeddingTable:
    """A table as it is at the end of a run: searched and settled where its scheme does so, and trained."""
    return deepcopy(_ready(name, budget, seed, tuple(options.items())))


@cache
def _ready(name: str, budget: int | None, seed: int, options: tuple[tuple[str, Any], ...]) -> EmbeddingTable:
    table = random_table(name, budget, seed, **dict(options))
    if table.search_epochs:
        trained(table)
        table.settle()
    return trained(table, seed=1)


def smallest(error: UsageError) -> int:
    """The bytes that an error names as the fewest possible."""
    found = re.search(r"take (\d+) already", str(error))
    assert found, f"names no smallest budget: {error}"
    return int(found[1])


def ids_of(table: EmbeddingTable, n: int, seed: int = 0) -> torch.Tensor:
    """Ids of the single-valued fields, int32, shape [n, F]; the first row has the lowest, the last the highest."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [field.vocabulary_size for field in table.fields if not field.bag]
    columns = [torch.randint(size, (n,), generator=generator, dtype=torch.int32) for size in sizes]
    ids = torch.stack(columns, 1)
    if n:
        ids[0], ids[-1] = 0, torch.tensor(sizes) - 1
    return ids


def bag_of(lists: list[list[int]]) -> Bag:
    offsets = torch.tensor([0, *map(len, lists)])[:-1].cumsum(0)
    return Bag(torch.tensor([value for own in lists for value in own], dtype=torch.int32), offsets.int())


def looked_up(table: EmbeddingTable, seed: int = 0) -> list[torch.Tensor]:
    """What a table gives for some ids and bags as it is, without gradients."""
    bags = [field for field in table.fields if field.bag]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        found = [table(ids_of(table, 50, seed))] if len(bags) < len(table.fields) else []
        for field in bags:
            values = torch.randint(field.vocabulary_size, (12,), generator=generator).tolist()
            found.append(table.pooled(field.name, bag_of([values[:5], [], values[5:6], values[6:], []])))
    return found


def assert_same_bits(one: list[torch.Tensor], other: list[torch.Tensor]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert torch.equal(a, b)


FULL = 4 * DIM
"""Bytes of a row of the full table."""

EACH_CHOICE = pytest.mark.parametrize("name", VARIANTS)
ALL = pytest.mark.parametrize("name", NODES)
WITH_BUDGET = pytest.mark.parametrize("name", [name for name in NODES if name in BUDGETED])
