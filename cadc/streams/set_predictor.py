"""A predictor of what sizes are worth, from the set of those of users and the set of those of items (DeepSets)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from cadc.streams.networks import network


class SetPredictor(nn.Module):
    """Sizes are encoded one by one and averaged over a side, sides are encoded and added, and the sum is decoded.

    It is that of BET (arXiv 2310.14884): a set of any length, in any order, has one value.

    Parameters
    ----------
    generator : draws the initial weights.
    rate : learning rate of Adam at first.
    decay : factor of the learning rate after each call of `learn`.
    updates : steps of a call of `learn`.
    """

    def __init__(self, generator: torch.Generator, rate: float = 0.01, decay: float = 0.9, updates: int = 2) -> None:
        super().__init__()
        self.of_element = network((1, 16, 16), generator)
        self.of_side = network((17, 64, 64), generator)
        self.decoder = network((64, 64, 1), generator)
        self.updates = updates
        self._optimizer = torch.optim.Adam(self.parameters(), rate)
        self._schedule = torch.optim.lr_scheduler.ExponentialLR(self._optimizer, decay)

    def forward(self, sizes: Tensor) -> Tensor:
        """Return what sizes are worth, float32, shape [n].

        Parameters
        ----------
        sizes : of users and of items, on the same scale, float32, shape [n, 2, k].
        """
        of_sides = self.of_element(sizes.unsqueeze(-1)).mean(2)
        side = torch.arange(2.0).expand(len(sizes), 2).unsqueeze(-1)
        return self.decoder(self.of_side(torch.cat([of_sides, side], -1)).sum(1)).squeeze(1)

    def learn(self, sizes: Tensor, values: Tensor) -> None:
        """Learn what some sizes were worth, shapes [n, 2, k] and [n]; values are scaled to mean 0 and deviation 1."""
        scaled = (values - values.mean()) / values.std(correction=0).clamp(min=1e-12)
        for _ in range(self.updates):
            self._optimizer.zero_grad()
            mse_loss(self(sizes), scaled).backward()
            self._optimizer.step()
        self._schedule.step()
