"""Weights that a model takes over from that of the segment before."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from cadc.embeddings.coding.ragged import padded, places
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.embeddings.schemes.sized_rows import SizedTable
from cadc.streams.protocol import Known


def carry_over(
    before: Mapping[str, Tensor],
    n_before: Mapping[str, int],
    model: nn.Module,
    start: Mapping[str, Tensor] | None = None,
    enriched: Collection[str] = (),
    known: Known = "carried",
) -> None:
    """Let a model go on where that of the segment before ended.

    Tables keep of each known row the prefix that its old and its new length share; all else in them starts as the new
    model does. All other weights of the same shape are copied. Buffers are not: they hold what a model knows of its own
    log, such as the factors that it corrects.

    Parameters
    ----------
    before : weights of the earlier model, of the same classes, by name.
    n_before : rows that the tables of each field had.
    model : has the rows of the earlier one, and more.
    start : weights that the earlier model would have started from without an earlier one, by name, of its tables of
        sized rows; needed for rows that are `shifted`.
    enriched : fields whose rows start from factors.
    known : where the known rows of these fields start: `carried`, as all others; `shifted`, by what training has
        changed in the earlier row since its start; `enriched`, from the factors alone.
    """
    inside = []
    for name, table in model.named_modules():
        if isinstance(table, SizedTable | UncompressedTable):
            inside.append(f"{name}.")
            own = _below(name, before)
            new = {field: torch.arange(n_before[field]) + table.first_row[field] for field in table.names}
            if isinstance(table, SizedTable):
                origin = _below(name, start or {}).get("weight")
                how: dict[str, Known] = {field: known if field in enriched else "carried" for field in new}
                _carry_rows(own, origin, new, table, how)
            else:
                with torch.no_grad():
                    rows = torch.cat(list(new.values()))
                    table.weight[rows] = own["weight"][: len(rows)]
    with torch.no_grad():
        for name, value in model.named_parameters():
            if not name.startswith(tuple(inside)) and name in before and before[name].shape == value.shape:
                value.copy_(before[name])


def sized_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the numbers of a model's tables of sized rows, by name."""
    return {
        f"{name}.weight": table.weight.detach().clone()
        for name, table in model.named_modules()
        if isinstance(table, SizedTable)
    }


def _carry_rows(
    before: Mapping[str, Tensor],
    origin: Tensor | None,
    new: Mapping[str, Tensor],
    table: SizedTable,
    known: Mapping[str, Known],
) -> None:
    """Copy, or move, the known rows of a table of sized rows.

    Parameters
    ----------
    before : weights of the earlier table.
    origin : numbers that it started from; needed where rows are shifted.
    new : rows of each field, in this table, that it had, int64.
    table : starts as the new model does.
    known : by field, see `carry_over`.
    """
    sizes = before["lengths"].long()
    owner, column, place = places(sizes.cumsum(0) - sizes, sizes)

    def vectors_of(weight: Tensor) -> Tensor:
        return padded(weight[place], owner, column, len(sizes), table.dim)

    vectors, first = vectors_of(before["weight"]), 0
    for field, rows in new.items():
        old, first = slice(first, first + len(rows)), first + len(rows)
        own = vectors[old]
        if known[field] == "enriched":
            continue
        if known[field] == "shifted":
            assert origin is not None
            with torch.no_grad():
                own = own + table.vectors(rows) - vectors_of(origin)[old]
        table.put(rows, own, torch.minimum(sizes[old], table.lengths[rows].long()))


def _below(name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a module by their names in it."""
    return {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
