"""The part of a fit's state that belongs to shared tables: taken out for a checkpoint, and put back for any ranks."""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cadc.distributed.ranks import Ranks
from cadc.embeddings.sharded.row_placement import RowPlacement
from cadc.embeddings.sharded.table import sharded_tables
from cadc.training.optimizers import Optimizer


@dataclass(frozen=True)
class Entry:
    """A tensor of a state with a row for each row of a table.

    Parameters
    ----------
    name : of the tensor among all.
    holder, key : where it stands in the state.
    n_rows : of the table.
    """

    name: str
    holder: MutableMapping[Any, Any]
    key: Any
    n_rows: int

    @property
    def value(self) -> Tensor:
        """The tensor, as it stands in the state."""
        found: Tensor = self.holder[self.key]
        return found


def shared_rows(model: nn.Module) -> dict[str, int]:
    """Return the number of rows of each table that several processes share, by the name of its weight."""
    return {name: table.n_rows for name, table in sharded_tables(model).items()}


def taken_out(
    content: Mapping[str, Any], model: nn.Module, optimizer: Optimizer
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a state without the rows of shared tables, and the rows that this process holds, by name.

    Parameters
    ----------
    content : the state, see `cadc.training.fit_state.FitState.state_dict`; it is left as it is.
    model, optimizer : whose state it is.
    """
    left: dict[str, Any] = _copied(content)
    rows = {}
    for entry in _entries(left, shared_rows(model), model, optimizer):
        rows[entry.name] = entry.value
        # It says type and columns.
        entry.holder[entry.key] = entry.value[:0].clone()
    return left, rows


def wanted(
    content: dict[str, Any], n_rows: Mapping[str, int], model: nn.Module, optimizer: Optimizer, ranks: Ranks
) -> dict[str, Tensor]:
    """Put tensors to be filled where `taken_out` took rows out, and return them by name.

    Parameters
    ----------
    content : the state, which is changed.
    n_rows : of each table whose rows were taken out.
    model, optimizer : that load the state.
    ranks : that share the tables now.
    """
    found = {}
    for entry in _entries(content, n_rows, model, optimizer):
        held = RowPlacement(entry.n_rows, ranks.size).held(ranks.rank)
        found[entry.name] = entry.holder[entry.key] = entry.value.new_empty(len(held), *entry.value.shape[1:])
    return found


def whole_to_shares(content: dict[str, Any], model: nn.Module, optimizer: Optimizer, ranks: Ranks) -> None:
    """Keep of tables that are shared now the rows that this process holds; the state has all rows in their order."""
    for entry in _entries(content, shared_rows(model), model, optimizer):
        placement = RowPlacement(entry.n_rows, ranks.size)
        held = placement.held(ranks.rank)
        entry.holder[entry.key] = entry.value[placement.rows(torch.arange(held.start, held.stop))]


def places_to_rows(content: dict[str, Any], n_rows: Mapping[str, int], model: nn.Module, optimizer: Optimizer) -> None:
    """Put the rows of tables that were shared, and that one process holds now, from their places into their order."""
    for entry in _entries(content, n_rows, model, optimizer):
        places = RowPlacement(entry.n_rows, 1).places(torch.arange(entry.n_rows))
        entry.holder[entry.key] = entry.value[places]


def _entries(
    content: dict[str, Any], n_rows: Mapping[str, int], model: nn.Module, optimizer: Optimizer
) -> Iterator[Entry]:
    """Yield the tensors of a state that have a row for each row of some tables."""
    average = content["average"] or {"averages": {}, "counted": {}}
    by_name = {
        "weights": content["weights"],
        "best": content["best"]["weights"],
        "averages": average["averages"],
        "counted": average["counted"],
    }
    of_optimizer = content["optimizer"].get("weights", content["optimizer"].get("state"))
    numbers = _numbers(model, optimizer)
    for name, n in n_rows.items():
        for part, holder in by_name.items():
            if name in holder:
                yield Entry(f"{part}.{name}", holder, name, n)
        number = numbers.get(name)
        is_there = number is not None and (isinstance(of_optimizer, list) or number in of_optimizer)
        own = of_optimizer[number] if is_there else {}
        for key in list(own):
            if isinstance(own[key], Tensor) and own[key].ndim:
                yield Entry(f"optimizer.{name}.{key}", own, key, n)


def _numbers(model: nn.Module, optimizer: Optimizer) -> dict[str, int]:
    """Return the number of each weight in the groups of an optimiser, by name."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return {names[id(weight)]: number for number, weight in enumerate(weights)}


def _copied(content: Any) -> Any:
    """Return copies of nested dictionaries and lists with the same tensors in them."""
    if isinstance(content, dict):
        return {key: _copied(value) for key, value in content.items()}
    return [_copied(value) for value in content] if isinstance(content, list) else content
