"""A fit in progress: what a step and the end of an epoch do, and the state that a checkpoint holds."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cadc.data.batch import Batch
from cadc.distributed.portion import Portion
from cadc.errors import CadcError, DataError
from cadc.evaluation.prefixes import prefixed
from cadc.evaluation.tasks import HeldOut
from cadc.training.averaging import WeightAverage
from cadc.training.best_epoch import BestEpoch
from cadc.training.ddp.replicas import Replicas
from cadc.training.decoupled_decay import DecoupledDecay
from cadc.training.objective import Objective
from cadc.training.optimizers import Optimizer
from cadc.training.trained_state import load_trained, trained_state

if TYPE_CHECKING:
    from cadc.training.callbacks.hooks import Hooks

History = list[dict[str, float]]
"""One row per epoch: `epoch` (from 1), `train/loss`, and validation metrics such as `val/logloss`."""


class FitState:
    """The fit of one model between two of its steps.

    Parameters
    ----------
    objective : what a step makes smaller, with the model.
    optimizer : of the model's weights.
    held_out : the validation part that each epoch is evaluated on.
    best : compares the epochs.
    rate : returns the learning rate of a step by its number, from 0.
    average : of the weights, which is evaluated and kept in place of them; None takes the weights themselves.
    decay : of looked up vectors, beside the gradients; None adds their penalty to the loss.
    hooks : of callbacks that are called between epochs; None without any.
    replicas : of the model on several ranks, which share each batch; None for one process.

    Attributes
    ----------
    history : a row for each finished epoch.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: Optimizer,
        held_out: HeldOut,
        best: BestEpoch,
        rate: Callable[[int], float],
        average: WeightAverage | None = None,
        decay: DecoupledDecay | None = None,
        hooks: "Hooks | None" = None,
        replicas: Replicas | None = None,
    ) -> None:
        self.objective, self.optimizer = objective, optimizer
        self.model = objective.model
        self.held_out, self.best = held_out, best
        self._rate, self._average, self._decay, self._hooks = rate, average, decay, hooks
        self._replicas = replicas
        self.history: History = []
        self._loss_sum: float | Tensor = 0.0
        self._n_steps = 0
        self._steps_before = 0
        """Steps of the finished epochs."""

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return self._rate(self._steps_before + self._n_steps)

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    @property
    def is_over(self) -> bool:
        """Whether patience has run out, or a callback ends the fit; within an epoch as at the end of the last one."""
        is_ended = self._hooks is not None and self._hooks.should_stop
        return is_ended or self.best.is_over(self.epoch, self._steps_before)

    def begin(self) -> None:
        """Let initial weights that already predict something compete as epoch 0."""
        if self.model.starts_at_base:
            self.best.compare(0, self._validate(), self.model)

    def start(self) -> None:
        """Call the callbacks before the first step, also of a fit that is resumed."""
        if self._hooks is not None:
            self._hooks.start()

    def end(self) -> None:
        """Call the callbacks after the last step."""
        if self._hooks is not None:
            self._hooks.end()

    def step(self, batch: Batch, portion: Portion | None = None) -> None:
        """Take a step.

        Parameters
        ----------
        batch : on the model's device.
        portion : of the whole batch that this is, where several ranks share it.
        """
        with nullcontext() if portion is None or self._replicas is None else self._replicas.dropout.sharing(portion):
            loss = self.objective.mean_loss(batch)
        self.optimizer.zero_grad()
        share = 1.0 if portion is None else portion.share
        if self._decay is not None:
            self._decay.note(loss, share)
        penalised = self.objective.penalised(loss)
        # Without ranks the graph is the same as ever, and so are the bits.
        (penalised if self._replicas is None else penalised * share).backward()
        loss = loss.detach()
        if self._replicas is not None:
            loss = self._replicas.sum_gradients(loss * share)
            if self._decay is not None:
                self._decay.sum_over(self._replicas)
        if self._average is not None:
            self._average.before_step()
        if self._decay is not None:
            self._decay.step(self.rate)
        self.optimizer.set_rate(self.rate)
        self.optimizer.step()
        self.note(loss)

    def note(self, loss: Tensor) -> None:
        """Count a step that was taken, whose batch had this mean loss, shape []."""
        self._loss_sum = self._loss_sum + loss
        self._n_steps += 1
        if self._average is not None:
            self._average.after_step()

    def end_epoch(self, learning_rate: float) -> None:
        """Evaluate the epoch, and add it to the history.

        Parameters
        ----------
        learning_rate : that an error names.

        Raises
        ------
        DataError : if a metric is undefined for the validation rows that are read.
        CadcError : if a prediction or the training loss is NaN or infinite.
        """
        number, advice = self.epoch + 1, f"lower trainer.learning_rate (now {learning_rate})."
        with self._averaged():
            try:
                metrics = self._validate()
            except DataError as error:
                # The whole part has both labels, which was checked before training.
                raise DataError(
                    f"in the share of the validation part that is read, {error} Raise trainer.validation_rate."
                ) from error
            except CadcError as error:
                raise CadcError(f"{str(error).rstrip('.')} after epoch {number}; {advice}") from error
            mean = float(self._loss_sum) / max(1, self._n_steps)
            if mean != mean or mean == float("inf"):
                raise CadcError(f"the training loss is {mean} in epoch {number}; {advice}")
            self.history.append({"epoch": number, **prefixed("validation", metrics), "train/loss": mean})
            self.best.compare(number, metrics, self.model)
            if self._hooks is not None:
                self._hooks.end_epoch(self.history[-1], self._steps_before + self._n_steps)
        self._steps_before += self._n_steps
        self._loss_sum, self._n_steps = 0.0, 0

    def optimizer_bytes(self) -> int:
        """Return the size of the optimiser's state, and of averaged weights."""
        of_weights = {
            id(weight): sum(value.nbytes for value in values.values())
            for weight, values in self.optimizer.state.items()
        }
        if self._replicas is None:
            return sum(of_weights.values()) + self.average_bytes
        if self._average is not None:
            for number, n_bytes in self._average.bytes_of_weights().items():
                of_weights[number] = of_weights.get(number, 0) + n_bytes
        return self._replicas.bytes_in_all(of_weights)

    @property
    def average_bytes(self) -> int:
        """Size of what is kept for averaged weights."""
        return 0 if self._average is None else self._average.nbytes

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self._average is None else self._average.applied()

    def _validate(self) -> dict[str, float]:
        was_training = self.model.training
        self.model.eval()
        metrics = self.held_out.metrics(self.model)
        self.model.train(was_training)
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint, also within an epoch."""
        return {
            "history": self.history,
            "loss_sum": torch.as_tensor(self._loss_sum),
            "n_steps": self._n_steps,
            "steps_before": self._steps_before,
            "average": None if self._average is None else self._average.state_dict(),
            "weights": trained_state(self.model),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best.state_dict(),
            **({} if self._hooks is None else {"callbacks": self._hooks.state_dict()}),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint.

        Raises
        ------
        KeyError, RuntimeError, ValueError : if it is of another model.
        """
        load_trained(self.model, state_dict["weights"])
        self.optimizer.load_state_dict(state_dict["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state_dict["average"])
        self.best.load_state_dict(state_dict["best"])
        self.history = state_dict["history"]
        self._loss_sum, self._n_steps = state_dict["loss_sum"], state_dict["n_steps"]
        self._steps_before = state_dict["steps_before"]
        if self._hooks is not None:
            self._hooks.load_state_dict(state_dict["callbacks"])
