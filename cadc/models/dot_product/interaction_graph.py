"""The graph of users and items that met, and vectors that spread over it."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from cadc.embeddings.base.varying_buffers import VaryingBuffers
from cadc.views.user_rows import starts_of


class InteractionGraph(VaryingBuffers):
    """A bipartite graph with the symmetrically normalised adjacency matrix Â: 1 / √(n_u n_i) for each edge (u, i).

    Users come first in Â, and items after them; *unknown*, id 0 of each, has no edge. What is saved are the items of
    each user, in two bytes each where there are few enough.

    Parameters
    ----------
    n_users, n_items : sizes of the vocabularies, *unknown* included.

    Examples
    --------
    >>> graph = InteractionGraph(3, 2)
    >>> graph.join(torch.tensor([1, 2, 1]), torch.tensor([1, 1, 1]))
    >>> graph.spread(torch.tensor([[0.0], [2.0], [4.0], [0.0], [0.0]]), layers=1).squeeze(1)
    tensor([0.0000, 1.0000, 2.0000, 0.0000, 2.1213])
    """

    varying: ClassVar[tuple[str, ...]] = ("items",)

    first: Tensor
    items: Tensor
    columns: Tensor
    starts: Tensor
    values: Tensor

    def __init__(self, n_users: int, n_items: int) -> None:
        super().__init__()
        self.n_users, self.n_items = n_users, n_items
        self.register_buffer("first", torch.zeros(n_users + 1, dtype=torch.int32))
        self.register_buffer("items", torch.zeros(0, dtype=torch.int16 if n_items <= 1 << 15 else torch.int32))
        # Â in the layout of compressed sparse rows.
        for name, dtype in (("columns", torch.int32), ("starts", torch.int32), ("values", torch.float32)):
            self.register_buffer(name, torch.zeros(0, dtype=dtype), persistent=False)
        self._index()

    def join(self, users: Tensor, items: Tensor) -> None:
        """Have an edge for each distinct pair of a known user and a known item, and no others.

        Parameters
        ----------
        users, items : ids, int64, shape [n] each.
        """
        is_known = (users > 0) & (items > 0)
        pairs = torch.unique(users[is_known] * self.n_items + items[is_known])
        self.first = starts_of(pairs // self.n_items, self.n_users).to(self.first)
        self.items = (pairs % self.n_items).to(self.items)
        self._index()

    def join_more(self, first: Tensor, items: Tensor) -> None:
        """Add the edges of an earlier graph, of the first users and items of this one.

        Parameters
        ----------
        first, items : its buffers.
        """
        earlier, own = _users(first), _users(self.first)
        self.join(torch.cat([earlier, own]), torch.cat([items.long(), self.items.long()]))

    def spread(self, vectors: Tensor, layers: int) -> Tensor:
        """Return (E + ÂE + … + Â^K E) / (K + 1).

        Parameters
        ----------
        vectors : E, those of the users and then those of the items, shape [n_users + n_items, d].
        layers : K.
        """
        found: Tensor = _Spread.apply(vectors, self, layers)
        return found

    def mean_of_layers(self, vectors: Tensor, layers: int) -> Tensor:
        """Return what `spread` does, without a gradient."""
        total, layer = vectors.clone(), vectors.contiguous()
        for _ in range(layers):
            # A product of a sparse and a dense matrix, in a third of the time that torch's own takes at 64 columns.
            layer = embedding_bag(self.columns, layer, self.starts, mode="sum", per_sample_weights=self.values)
            total += layer
        return total.div_(layers + 1)

    def _index(self) -> None:
        """Lay out Â for the edges."""
        users, items = _users(self.first), self.items.long()
        by_item = torch.argsort(items, stable=True)
        degrees = torch.cat([self.first.diff(), torch.bincount(items, minlength=self.n_items)])
        nodes = torch.cat([users, items[by_item] + self.n_users])
        self.columns = torch.cat([items + self.n_users, users[by_item]]).int()
        self.starts = (degrees.cumsum(0) - degrees).int()
        self.values = (degrees[nodes] * degrees[self.columns.long()]).to(self.values.dtype).rsqrt()

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *further: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *further)
        self._index()


class _Spread(torch.autograd.Function):
    """A mean of powers of a symmetric matrix is symmetric, so that the gradient spreads as vectors do."""

    @staticmethod
    def forward(context: Any, vectors: Tensor, graph: InteractionGraph, layers: int) -> Tensor:
        context.graph, context.layers = graph, layers
        return graph.mean_of_layers(vectors, layers)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return context.graph.mean_of_layers(gradients[0], context.layers), None, None


def _users(first: Tensor) -> Tensor:
    """Return the user of each edge, int64, shape [m]."""
    return torch.repeat_interleave(first.diff())
