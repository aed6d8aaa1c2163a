"""Saved weights of a model: embedding tables as they serve, all other weights as they were trained."""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from cadc.embeddings.base.table import EmbeddingTable
from cadc.embeddings.base.varying_buffers import VaryingBuffers
from cadc.embeddings.coding.shapes import ANY, require_shapes, shapes_of


def stored_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of a model by name, those of each embedding table as its `serving` gives them."""
    state = dict(model.state_dict())
    for prefix, table in tables_of(model):
        for key in table.state_dict():
            del state[f"{prefix}{key}"]
        state |= {f"{prefix}{key}": value for key, value in table.serving().items()}
    return state


def load_stored(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load the weights that `stored_state` returned into a model.

    Raises
    ------
    ValueError : for weights of other names, shapes or types, or numbers that are not finite.
    """
    for name, value in weights.items():
        if not value.isfinite().all():
            raise ValueError(f"{name} holds numbers that are not finite")
    rest = dict(weights)
    state = model.state_dict()
    for prefix, table in tables_of(model):
        own = {key: rest.pop(key) for key in list(rest) if key.startswith(prefix)}
        try:
            table.load_serving({key.removeprefix(prefix): value for key, value in own.items()})
        except ValueError as error:
            raise ValueError(f"{prefix}{error}") from error
        # Not the keys that the table has by now: what it was given may have changed them.
        state = {key: value for key, value in state.items() if not key.startswith(prefix)}
    require_shapes(rest, shapes_of(state) | {name: (state[name].dtype, (ANY,)) for name in _of_any_length(model)})
    model.load_state_dict(rest, strict=False)


def _of_any_length(model: nn.Module) -> Iterator[str]:
    """Yield the names of the buffers that are loaded in whatever length they have."""
    for name, module in model.named_modules():
        if isinstance(module, VaryingBuffers):
            yield from (f"{name}.{own}" if name else own for own in module.varying)


def tables_of(model: nn.Module) -> Iterator[tuple[str, EmbeddingTable]]:
    """Yield each table and how the names of its weights begin; one inside another belongs to that."""
    found: list[str] = []
    for name, module in model.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(module, EmbeddingTable) and not any(prefix.startswith(outer) for outer in found):
            found.append(prefix)
            yield prefix, module
