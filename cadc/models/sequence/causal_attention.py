"""Blocks of self-attention over packed sequences, in which a token sees itself and the tokens before it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from cadc.models.mlp import linear


@dataclass(frozen=True)
class Packing:
    """S sequences whose tokens lie one after the other, without padding.

    Parameters
    ----------
    lengths : number of tokens of each sequence, at least 1, int64, shape [S].
    """

    lengths: Tensor

    @property
    def starts(self) -> Tensor:
        """Where each sequence begins, int64, shape [S]."""
        return self.lengths.cumsum(0) - self.lengths

    @property
    def owners(self) -> Tensor:
        """Number of the sequence of each of the T tokens, int64, shape [T]."""
        return torch.repeat_interleave(torch.arange(len(self.lengths), device=self.lengths.device), self.lengths)

    def padded_places(self) -> Tensor:
        """Return the place of each token if all sequences are padded at their end to the longest, int64, shape [T]."""
        owners = self.owners
        within = torch.arange(len(owners), device=owners.device) - self.starts[owners]
        return owners * self.lengths.max() + within


class CausalBlock(nn.Module):
    """Attention and a feed-forward layer, each behind a layer normalisation and added to its input.

    Padding lies behind the tokens of a sequence, so that the causal mask alone hides it.

    Parameters
    ----------
    dim : columns of tokens.
    heads : of attention; a divisor of `dim`.
    hidden : width of the feed-forward layer.
    dropout : probability that an output of either layer is dropped in training.
    generator : draws the initial weights.
    """

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.inputs, self.outputs = linear(dim, 3 * dim, generator), linear(dim, dim, generator)
        self.hidden, self.back = linear(dim, hidden, generator), linear(hidden, dim, generator)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, packing: Packing, places: Tensor) -> Tensor:
        """Map tokens to tokens, shape [T, dim]; `places` are `packing.padded_places()`."""
        tokens = tokens + self.dropout(self._attention(self.norms[0](tokens), packing, places))
        hidden = gelu(self.hidden(self.norms[1](tokens)))
        return tokens + self.dropout(self.back(hidden))

    def _attention(self, tokens: Tensor, packing: Packing, places: Tensor) -> Tensor:
        n_sequences, longest = len(packing.lengths), int(packing.lengths.max())
        projected = self.inputs(tokens)
        padded = projected.new_zeros(n_sequences * longest, projected.shape[1]).index_copy(0, places, projected)
        query, key, value = padded.view(n_sequences, longest, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.outputs(found.transpose(1, 2).reshape(n_sequences * longest, -1)[places])
