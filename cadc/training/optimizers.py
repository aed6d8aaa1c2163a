"""The optimiser of a model's weights: which of them it decays, and whether it skips rows that a batch does not hold."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias

from cadc.adam import Adam
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.models.model import Model
from cadc.training.decoupled_decay import WeightDecay
from cadc.training.lazy_adam import LazyAdam

LazyTables: TypeAlias = bool | Literal["auto"]
"""Whether a step skips the rows of uncompressed tables that its batch does not look up; `auto` see `skips_rows`."""

LAZY_FROM = 100_000
"""Trained rows of uncompressed tables above which `auto` skips rows.

A step takes 40 ns for each row of a dense gradient of 16 columns, and 200 ns for each row of a batch's ids that it
picks out. Five fields in a batch of 4096 rows look up 20,000 rows, so both take the same time where there are 100,000.
"""


class Optimizer(Protocol):
    """What is asked of an optimiser here."""

    @property
    def state(self) -> Mapping[Any, Any]:
        """What it keeps of each weight, by name."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The weights in groups, as `params`, with their options."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def set_rate(self, learning_rate: float) -> None:
        """Take the next steps with another learning rate."""

    def step(self) -> Any:
        """Change the weights."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""

    def load_state_dict(self, state_dict: Any) -> None:
        """Restore the state of a checkpoint."""


def optimizer_of(
    model: Model,
    learning_rate: float,
    weight_decay_mlp: float,
    lazy_tables: LazyTables = False,
    weight_decay: WeightDecay = "coupled",
) -> Optimizer:
    """Return Adam for the weights of a model that are trained.

    Parameters
    ----------
    model : on its device.
    learning_rate : of Adam.
    weight_decay_mlp : L2 penalty on weights outside tables.
    lazy_tables : whether a step skips the rows of uncompressed tables that its batch does not look up, see
        `skips_rows`.
    weight_decay : whether that penalty is added to the gradients, or shrinks weights beside them.
    """
    groups, decoupled = weight_groups(model, weight_decay_mlp), weight_decay == "decoupled"
    if not skips_rows(model, lazy_tables):
        return Adam(groups, lr=learning_rate, decoupled=decoupled)
    with_sparse_gradients(model)
    return LazyAdam(groups, lr=learning_rate, fused=True, decoupled_weight_decay=decoupled)


def skips_rows(model: Model, lazy_tables: LazyTables) -> bool:
    """Return whether a model's steps skip rows that their batch does not look up: by `auto`, in large tables.

    The choice depends on the vocabulary alone. If it depended on the batch size, too, which is smaller for smaller
    samples, two sampling rates could differ in their optimiser.
    """
    if model.reads_all_rows:
        return False
    if lazy_tables != "auto":
        return lazy_tables
    tables = [table for table in model.modules() if isinstance(table, UncompressedTable)]
    # A field's linear terms are rows beside those of its vectors, and do not count.
    sizes = {own.name: own.vocabulary_size for table in tables if table.weight.requires_grad for own in table.fields}
    return sum(sizes.values()) > LAZY_FROM


def with_sparse_gradients(model: Model) -> None:
    """Let gradients of uncompressed tables hold the rows of a batch alone, as `LazyAdam` reads them."""
    for module in model.modules():
        if isinstance(module, UncompressedTable):
            module.sparse_gradient = True


def weight_groups(model: Model, weight_decay_mlp: float) -> list[dict[str, Any]]:
    """Return the weights that an optimiser decays, and those that it does not; frozen ones are left out.

    Tables are penalised in the loss. Scalars, such as a temperature or the scale of a residual, have no penalty, since
    nothing favours 0 for them.

    Returns
    -------
    groups : `params` and `weight_decay`, as the optimisers of torch take them.
    """
    tables = [
        weight
        for module in model.modules()
        if isinstance(module, EmbeddingCollection)
        for weight in module.parameters()
        if weight.requires_grad
    ]
    in_tables = {id(weight) for weight in tables}
    others = [w for w in model.parameters() if w.requires_grad and id(w) not in in_tables]
    groups = [
        {"params": [*tables, *(weight for weight in others if not weight.ndim)], "weight_decay": 0.0},
        {"params": [weight for weight in others if weight.ndim], "weight_decay": weight_decay_mlp},
    ]
    return [group for group in groups if group["params"]]
