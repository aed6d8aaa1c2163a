"""Fitted regression trees as tensors, evaluated all at once."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cadc.errors import UsageError

INTEGERS = {"feature": torch.int32, "below": torch.int16, "above": torch.int16}
"""Type of each buffer of whole numbers."""
MOST_LEAVES = 1 << 14
"""Leaves of a tree whose nodes have numbers in 16 bits."""


class Forest(nn.Module):
    """base + Σ_t v_t(x), where v_t(x) is the value of the leaf that a row of features x reaches in tree t.

    Its tensors have room for T trees of N nodes. A node sends rows with x[feature] ≤ threshold to the node `below`,
    others to `above`; a leaf sends them to itself. Trees that were not grown are a leaf of value 0.

    Parameters
    ----------
    n_trees : T.
    n_leaves : most leaves of a tree; N is 2·n_leaves - 1.
    depth : most nodes from a root to a leaf, the leaf left out.

    Raises
    ------
    UsageError : for more than `MOST_LEAVES` leaves.
    """

    feature: Tensor
    below: Tensor
    above: Tensor
    threshold: Tensor
    value: Tensor
    base: Tensor

    def __init__(self, n_trees: int, n_leaves: int, depth: int) -> None:
        super().__init__()
        if n_leaves > MOST_LEAVES:
            raise UsageError(f"model.leaves is {n_leaves}; it must be at most {MOST_LEAVES}.")
        self.depth = depth
        shape = n_trees, 2 * n_leaves - 1
        for name, dtype in INTEGERS.items():
            self.register_buffer(name, torch.zeros(shape, dtype=dtype))
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("base", torch.zeros((), dtype=torch.float64))

    def plant(self, trees: list[NDArray[np.void]], base: float) -> None:
        """Take trees over from scikit-learn.

        Parameters
        ----------
        trees : the nodes of each, a structured array of `sklearn.ensemble._hist_gradient_boosting.predictor`.
        base : what is added to their values.
        """
        for buffer in (*map(self.get_buffer, INTEGERS), self.threshold, self.value):
            buffer.zero_()
        self.base.fill_(base)
        for number, nodes in enumerate(trees):
            is_leaf = nodes["is_leaf"].astype(bool)
            own = np.arange(len(nodes))
            fields = {
                "feature": np.where(is_leaf, 0, nodes["feature_idx"]),
                "threshold": np.where(is_leaf, 0.0, nodes["num_threshold"]),
                "below": np.where(is_leaf, own, nodes["left"]),
                "above": np.where(is_leaf, own, nodes["right"]),
                "value": np.where(is_leaf, nodes["value"], 0.0),
            }
            for name, values in fields.items():
                buffer = self.get_buffer(name)
                buffer[number, : len(nodes)] = torch.from_numpy(values).to(buffer.dtype)

    def cut(self, n_trees: int) -> None:
        """Keep the first trees alone."""
        self.value[n_trees:] = 0

    def forward(self, features: Tensor) -> Tensor:
        """Return the sum of base and trees for features [B, D], float64, shape [B]."""
        return self.base + self.by_tree(features).sum(1)

    def by_tree(self, features: Tensor) -> Tensor:
        """Return the value of each tree for features [B, D], float64, shape [B, T]."""
        features = features.double()
        n_trees, n_nodes = self.value.shape
        first = torch.arange(n_trees, device=features.device) * n_nodes
        flat = {name: self.get_buffer(name).flatten() for name in (*INTEGERS, "threshold", "value")}
        at = first.expand(len(features), n_trees)
        for _ in range(self.depth):
            is_below = features.gather(1, flat["feature"][at].long()) <= flat["threshold"][at]
            at = torch.where(is_below, flat["below"][at], flat["above"][at]) + first
        return flat["value"][at]
