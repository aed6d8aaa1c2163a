"""Linear bandits whose rewards change over time: they forget at a constant rate."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cadc.errors import UsageError, require_at_least


class DiscountedLinearBandit:
    """Ridge regression of rewards on contexts, in which each earlier step weighs γ times less.

    With V = Σ γ^(t-s) x_s·x_sᵀ + λ·1, W = Σ γ^(2(t-s)) x_s·x_sᵀ + λ·1 and b = Σ γ^(t-s) r_s·x_s, the estimate is
    θ = V⁻¹·b. D-LinUCB (Russac, Vernade and Cappé 2019, arXiv 1909.09146, algorithm 1) scores a context by
    x·θ + β·sqrt(xᵀ·V⁻¹·W·V⁻¹·x); discounted Thompson sampling draws θ from N(V⁻¹·b, β²·V⁻¹·W·V⁻¹).

    Parameters
    ----------
    n_features : k, length of a context.
    discount : γ, in (0, 1]; 1 forgets nothing.
    ridge : λ, above 0.
    width : β, not negative.

    Examples
    --------
    >>> bandit = DiscountedLinearBandit(n_features=1, discount=0.5, width=0.0)
    >>> for reward in (0.0, 1.0, 1.0, 1.0):
    ...     bandit.learn(torch.ones(1, 1), torch.tensor([reward]))
    >>> bandit.upper(torch.ones(1, 1)).round(decimals=2)
    tensor([0.6100], dtype=torch.float64)
    """

    def __init__(self, n_features: int, discount: float = 0.95, ridge: float = 1.0, width: float = 1.0) -> None:
        require_at_least(0, "policy", width=width)
        if not 0 < discount <= 1:
            raise UsageError(f"policy.discount is {discount}; expected a number above 0 and at most 1.")
        if not ridge > 0:
            raise UsageError(f"policy.ridge is {ridge}; expected a number above 0.")
        self.discount, self.ridge, self.width = discount, ridge, width
        self.v = ridge * torch.eye(n_features, dtype=torch.float64)
        self.w = self.v.clone()
        self.b = torch.zeros(n_features, dtype=torch.float64)

    def learn(self, contexts: Tensor, rewards: Tensor) -> None:
        """Learn from what one step brought: any number of contexts, shape [n, k], and their rewards, shape [n]."""
        x, r, forgets = contexts.double(), rewards.double(), self.discount
        moments = x.T @ x
        prior = self.ridge * torch.eye(len(self.b), dtype=torch.float64)
        self.v = forgets * self.v + moments + (1 - forgets) * prior
        self.w = forgets**2 * self.w + moments + (1 - forgets**2) * prior
        self.b = forgets * self.b + r @ x

    def upper(self, contexts: Tensor) -> Tensor:
        """Return the upper confidence bound of the reward of each context, float64, shape [n]."""
        x = contexts.double()
        theta, root = self._estimate()
        return x @ theta + self.width * (x @ root).square().sum(1).sqrt()

    def drawn(self, contexts: Tensor, generator: torch.Generator) -> Tensor:
        """Return the rewards that one draw of the parameters gives to the contexts, float64, shape [n]."""
        theta, root = self._estimate()
        noise = torch.randn(len(theta), dtype=torch.float64, generator=generator)
        return contexts.double() @ (theta + self.width * root @ noise)

    def _estimate(self) -> tuple[Tensor, Tensor]:
        """Return θ, and R with R·Rᵀ = V⁻¹·W·V⁻¹."""
        factor = torch.linalg.cholesky(self.v)
        theta = torch.cholesky_solve(self.b.unsqueeze(1), factor).squeeze(1)
        return theta, torch.cholesky_solve(torch.linalg.cholesky(self.w), factor)

    def state(self) -> dict[str, Tensor]:
        """Return what it has learnt, as tensors."""
        return {"v": self.v, "w": self.w, "b": self.b}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take what `state` returned."""
        self.v, self.w, self.b = state["v"], state["w"], state["b"]
