"""Calls the hooks of Lightning's callbacks between the epochs of a run, and keeps their state in its checkpoints."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import torch
from pytorch_lightning import Callback
from torch import nn

from cadc.errors import CadcError, UsageError
from cadc.training.callbacks.loop_view import LoopView

CALLED = frozenset(
    {
        "setup",
        "on_fit_start",
        "on_train_start",
        "on_validation_end",
        "on_train_epoch_end",
        "on_train_end",
        "on_fit_end",
        "teardown",
        "state_dict",
        "load_state_dict",
        "state_key",
    }
)
"""What a run calls of a callback."""


def require_callable(cls: type[Callback], where: str) -> None:
    """Raise a UsageError for a callback that waits for hooks which no run calls, such as those of single steps.

    Parameters
    ----------
    cls : the class of the callback.
    where : its key in the configuration, for the message.
    """
    own = {name for base in cls.__mro__[: cls.__mro__.index(Callback)] for name in vars(base)}
    if missing := sorted(own & {name for name in vars(Callback) if name[0] != "_"} - CALLED):
        raise UsageError(
            f"{where}: {cls.__name__} has the hook {missing[0]}, which the training of a run does not call; a run "
            "calls hooks of epochs alone. Fit with cadc.lightning and a Trainer of your own."
        )


class Hooks:
    """The callbacks of one fit.

    They get a `LoopView` as their trainer, and the network, a `torch.nn.Module`, as their module. After an epoch the
    network has the weights that were validated.

    Parameters
    ----------
    callbacks : by name.
    model : that is trained.
    loop : what they see of the training.
    """

    def __init__(self, callbacks: Mapping[str, Callback], model: nn.Module, loop: LoopView) -> None:
        self.callbacks, self.model, self.loop = callbacks, model, loop
        self._each(lambda callback: callback.setup(self._trainer, self._module, "fit"))

    @property
    def _trainer(self) -> Any:
        return self.loop

    @property
    def _module(self) -> Any:
        return self.model

    @property
    def should_stop(self) -> bool:
        """Whether a callback has ended the training."""
        return self.loop.should_stop

    def start(self) -> None:
        """Call what comes before the first step, also of a fit that is resumed."""
        self._each(lambda callback: callback.on_fit_start(self._trainer, self._module))
        self._each(lambda callback: callback.on_train_start(self._trainer, self._module))

    def end_epoch(self, row: Mapping[str, float], n_steps: int) -> None:
        """Call what comes after an epoch.

        Parameters
        ----------
        row : of the history, with the epoch's metrics.
        n_steps : steps so far.
        """
        self.loop.end_epoch(row, n_steps)
        self._each(lambda callback: callback.on_validation_end(self._trainer, self._module))
        self._each(lambda callback: callback.on_train_epoch_end(self._trainer, self._module))

    def end(self) -> None:
        """Call what comes after the last epoch."""
        self._each(lambda callback: callback.on_train_end(self._trainer, self._module))
        self._each(lambda callback: callback.on_fit_end(self._trainer, self._module))
        self._each(lambda callback: callback.teardown(self._trainer, self._module, "fit"))

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint.

        Raises
        ------
        UsageError : for a state of a callback that a checkpoint cannot hold.
        """
        states = {name: callback.state_dict() for name, callback in self.callbacks.items()}
        for name, state in states.items():
            file = io.BytesIO()
            torch.save(state, file)
            file.seek(0)
            try:
                torch.load(file, weights_only=True)
            except Exception as error:
                raise UsageError(
                    f"trainer.callbacks.{name} keeps more in its state_dict than tensors, numbers, texts, lists and "
                    "dictionaries, which is all that a checkpoint of a run holds; leave out the rest."
                ) from error
        return {"should_stop": self.loop.should_stop, "states": states}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.loop.should_stop = state_dict["should_stop"]
        for name, callback in self.callbacks.items():
            callback.load_state_dict(state_dict["states"][name])

    def _each(self, call: Callable[[Callback], object]) -> None:
        for name, callback in self.callbacks.items():
            try:
                call(callback)
            except Exception as error:
                reason = str(error).rstrip(".") or type(error).__name__
                raise CadcError(f"trainer.callbacks.{name} ({type(callback).__name__}) failed: {reason}.") from error
