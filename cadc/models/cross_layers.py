"""Cross layers of DCN v2 (Wang et al., WWW 2021): products of an input with itself, one degree more in each layer.

The rows of all expressions are vectors x, as in the paper, so that W·x is written `x @ W.T`.
"""

import torch
from torch import Tensor, nn

from cadc.models.fused_linear import linear_relu
from cadc.models.mlp import linear, mlp_linear


class CrossLayer(nn.Module):
    """x_{l+1} = x_0 ⊙ (W·x_l + b) + x_l, with W of full rank.

    Parameters
    ----------
    n_inputs : length of x.
    generator : draws the initial weights.
    """

    def __init__(self, n_inputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = mlp_linear(n_inputs, n_inputs, generator, relu=False)

    def forward(self, first: Tensor, inputs: Tensor) -> Tensor:
        """Return x_{l+1}, shape [B, n_inputs], from x_0 and x_l of the same shape."""
        return torch.addcmul(inputs, first, linear_relu(inputs, self.linear, relu=False))


class CrossMixture(nn.Module):
    """x_{l+1} = Σ_i G_i(x_l) · x_0 ⊙ (U_i·tanh(C_i·tanh(V_iᵀ·x_l)) + b) + x_l, where G is a softmax over K experts.

    The U_i and V_i are n×r, the C_i r×r; n is the length of x and r the rank.

    Parameters
    ----------
    n_inputs : length of x.
    rank : r.
    experts : K.
    generator : draws the initial weights.
    """

    def __init__(self, n_inputs: int, rank: int, experts: int, generator: torch.Generator) -> None:
        super().__init__()

        def uniform(*shape: int) -> nn.Parameter:
            bound = shape[-2] ** -0.5
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))

        self.down = uniform(experts, n_inputs, rank)
        self.inner = uniform(experts, rank, rank)
        self.up = uniform(experts, rank, n_inputs)
        self.bias = nn.Parameter(torch.zeros(n_inputs))
        self.gate = linear(n_inputs, experts, generator) if experts > 1 else None

    def forward(self, first: Tensor, inputs: Tensor) -> Tensor:
        """Return x_{l+1}, shape [B, n_inputs], from x_0 and x_l of the same shape."""
        small = torch.tanh(torch.tanh(inputs @ self.down) @ self.inner)
        if self.gate is not None:
            small = small * self.gate(inputs).softmax(1).T.unsqueeze(2)
        # The gates add up to 1, so that b is added once.
        return torch.addcmul(inputs, first, (small @ self.up).sum(0) + self.bias)
