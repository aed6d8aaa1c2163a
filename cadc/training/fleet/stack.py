"""The weights of several models as stacked tensors, and a step that all of them take at once."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cadc.data.batch import Batch
from cadc.embeddings.coding.vmapped import vmapping
from cadc.errors import CadcError
from cadc.models.model import Model
from cadc.training.fleet.adam import StackedAdam
from cadc.training.fleet.arm import Arm, plain_state
from cadc.training.fleet.batches import Tree, as_batch, moved
from cadc.training.objective import Objective
from cadc.training.optimizers import weight_groups


class Stack:
    """K models of equal shape, computed as one by `torch.vmap`.

    The weights of the models become views into the stacked ones, so that each model can be evaluated at any time.
    Buffers and frozen weights that are the same in all models are not stacked.

    Parameters
    ----------
    arms : of equal `shape`; neighbours with equal rates are updated in one go.
    """

    def __init__(self, arms: Sequence[Arm]) -> None:
        self.arms = list(arms)
        model = self.arms[0].model
        trained = {id(weight): name for name, weight in model.named_parameters() if weight.requires_grad}
        groups = weight_groups(model, 1.0)
        decayed = [trained[id(weight)] for group in groups if group["weight_decay"] for weight in group["params"]]
        self._stack()
        self.optimizer = StackedAdam(self.trained, decayed, [arm.rates for arm in self.arms])

    def _stack(self) -> None:
        """Stack what the arms hold now."""
        models = [arm.model for arm in self.arms]
        self.trained: dict[str, Tensor] = {}
        self.given: dict[str, Tensor] = {}
        self.shared: dict[str, Tensor] = {}
        for name, value in _tensors(models[0]).items():
            own = [_tensors(model)[name] for model in models]
            if not value.requires_grad and all(torch.equal(value, other) for other in own[1:]):
                self.shared[name] = value.detach()
                continue
            stacked = torch.stack([tensor.detach() for tensor in own])
            for tensor, view in zip(own, stacked, strict=True):
                tensor.data = view
            into = self.trained if value.requires_grad else self.given
            into[name] = stacked.requires_grad_(value.requires_grad)
        penalties = [arm.state.objective.vectors.weights or {} for arm in self.arms]
        self.penalties = {
            name: torch.stack([weights[name] for weights in penalties]).to(self.arms[0].device) for name in penalties[0]
        }
        self._loss = _Loss(self.arms[0].state.objective)

    def step(self, batches: Tree) -> Tensor:
        """Take a step of every model, and return the mean losses of their batches, penalties left out, shape [K].

        Parameters
        ----------
        batches : as `stacked_batches` returns them.

        Raises
        ------
        CadcError : if the first step changes more of the first model than its weights, such as a count of its steps:
            the code of a model runs once for all of them, and the others would not count.
        """
        before = self._beside_weights() if self.optimizer.n_steps == 0 else None
        tree = moved(batches, self.arms[0].device)
        with vmapping(), warnings.catch_warnings():
            # Operations without a batched form are computed one model after the other.
            warnings.filterwarnings("ignore", message="There is a performance drop")
            losses, penalised = torch.vmap(self._one)(self.trained, self.given, self.penalties, tree)
            found = torch.autograd.grad(penalised.sum(), [*self.trained.values()], allow_unused=True)
        if before is not None and before != self._beside_weights():
            raise CadcError("a model changes what it keeps beside its weights")
        gradients = {name: own for name, own in zip(self.trained, found, strict=True) if own is not None}
        self.optimizer.rates = [arm.rates for arm in self.arms]
        self.optimizer.step(gradients)
        return losses

    def _beside_weights(self) -> tuple[Any, ...]:
        """Return what the first model keeps, but for stacked tensors, as a value that can be compared."""
        versions = [tensor._version for tensor in self.shared.values()]
        return versions, plain_state(self.arms[0].model)

    def keep(self, arms: Sequence[Arm]) -> None:
        """Go on with some of the arms; the weights of the others become their own."""
        places = [place for place, arm in enumerate(self.arms) if arm in arms]
        for arm in self.arms:
            for tensor in _tensors(arm.model).values():
                tensor.data = tensor.data.clone()
        self.arms = list(arms)
        if self.arms:
            self._stack()
            self.optimizer.keep(torch.tensor(places), self.trained)

    def _one(
        self, trained: dict[str, Tensor], given: dict[str, Tensor], penalties: dict[str, Tensor], tree: Tree
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss of one model's batch, without penalties and with them, shape [] each."""
        state = {f"model.{name}": value for name, value in (trained | given | self.shared).items()}
        with self._loss.objective.vectors.with_weights(penalties or None):
            losses: tuple[Tensor, Tensor] = functional_call(self._loss, state, (as_batch(tree),))
        return losses


class _Loss(nn.Module):
    """An objective as a module, whose weights `functional_call` can replace."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective
        self.model = objective.model

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss = self.objective.mean_loss(batch)
        return loss.detach(), self.objective.penalised(loss)


def _tensors(model: Model) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())
