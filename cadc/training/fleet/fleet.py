"""The training of a fleet: a step of all arms at a time, each with its own epochs and its own end."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from torch import Tensor

from cadc.errors import CadcError
from cadc.training.fit_result import FitResult
from cadc.training.fleet.arm import Arm
from cadc.training.fleet.batches import stacked_batches
from cadc.training.fleet.stack import Stack

T = TypeVar("T")
Ended = FitResult | Exception


class NotTogether(CadcError):
    """Arms cannot be trained together; each of them may be trained alone."""


class Fleet:
    """Trains arms of equal shape together; each ends with the weights of its best epoch, as if trained alone.

    Every arm goes through its own epochs: at each step it adds its next batch, whichever epoch it is in. An arm that is
    over leaves, and the others go on without it. Results equal those of `Fit` up to the order of sums: products of
    matrices are batched. Nothing is saved before an arm is over.

    Parameters
    ----------
    arms : of equal `Arm.shape`, with models whose computation `torch.vmap` can batch.

    Raises
    ------
    NotTogether : if the arms differ in their shape, or one can only be trained alone.
    """

    def __init__(self, arms: Sequence[Arm]) -> None:
        for arm in arms:
            if why := arm.why_alone():
                raise NotTogether(f"an arm cannot be trained with others: {why}.")
        shape = arms[0].shape
        if not all(arm.is_like(shape) for arm in arms[1:]):
            raise NotTogether("the arms have models or batches of different shapes.")
        self.n_arms = len(arms)
        # Neighbours of equal rates are updated in one go.
        self._left = sorted(arms, key=lambda arm: arm.rates)

    def fit(self) -> Iterator[tuple[Arm, Ended]]:
        """Train all arms, and yield each with its result, or with the error that ended it, as soon as it is over.

        Raises
        ------
        NotTogether : if a step cannot be computed for all arms at once; those that were not yielded yet have no result.
        """
        stack = self._stacked()
        self._optimizer_bytes = stack.optimizer.bytes_of_arm
        yield from self._leaving(stack, [_outcome(arm.begin) for arm in self._left])
        while self._left:
            started = time.perf_counter()
            losses = self._step(stack)
            share = (time.perf_counter() - started) / len(self._left)
            over = [_outcome(arm.end_step, loss, share) for arm, loss in zip(self._left, losses, strict=True)]
            yield from self._leaving(stack, over)

    def _stacked(self) -> Stack:
        try:
            return Stack(self._left)
        except Exception as error:
            raise NotTogether(f"{self.n_arms} models cannot be stacked ({error}).") from error

    def _step(self, stack: Stack) -> Tensor:
        parts = [arm.next_part() for arm in self._left]
        rows = [arm.rows[part] for arm, part in zip(self._left, parts, strict=True)]
        beside = [
            {name: values[part] for name, values in arm.beside.items()}
            for arm, part in zip(self._left, parts, strict=True)
        ]
        try:
            return stack.step(stacked_batches(self._left[0].log, rows, beside))
        except Exception as error:
            # Where the fault is one arm's own, it comes up again when that arm is trained alone.
            raise NotTogether(f"a step cannot be computed for {len(rows)} models at once ({error}).") from error

    def _leaving(self, stack: Stack, over: Sequence[bool | Exception | None]) -> Iterator[tuple[Arm, Ended]]:
        """Let the arms go whose fit is over, or has failed, and yield each with what became of it."""
        if not any(over):
            return
        ended = [(arm, is_over) for arm, is_over in zip(self._left, over, strict=True) if is_over]
        self._left = [arm for arm, is_over in zip(self._left, over, strict=True) if not is_over]
        stack.keep(self._left)
        for arm, is_over in ended:
            if isinstance(is_over, Exception):
                yield arm, is_over
            else:
                yield arm, _outcome(arm.result, self._optimizer_bytes, self.n_arms)


def _outcome(work: Callable[..., T], *arguments: object) -> T | Exception:
    """Return what a piece of one arm's work returns, or the error that it raises, which is no other arm's."""
    try:
        return work(*arguments)
    except Exception as error:
        return error
