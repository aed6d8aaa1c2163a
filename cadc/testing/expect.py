"""What all contract tests share: an assertion with a sentence, and generators that nothing else may touch."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def expect(condition: object, sentence: str) -> None:
    """Raise an AssertionError with a sentence unless a condition holds; `python -O` does not switch it off."""
    if not condition:
        raise AssertionError(sentence)


def expect_refusal(error: type[Exception], call: Callable[[], Any], what: str) -> None:
    """Raise an AssertionError unless a call raises an error of this class.

    Parameters
    ----------
    error : what is expected.
    call : what should be refused.
    what : names it in the message.
    """
    try:
        call()
    except error:
        return
    except Exception as other:
        raise AssertionError(f"{what} raised {type(other).__name__} ({other}); expected {error.__name__}.") from other
    raise AssertionError(f"{what} was accepted; expected {error.__name__} with a sentence for the user.")


def expect_derived(cls: type, base: type) -> None:
    """Raise an AssertionError for a class that is not derived from a base class, or lacks a method of it."""
    expect(
        isinstance(cls, type) and issubclass(cls, base),
        f"{cls!r} is not derived from {base.__module__}.{base.__qualname__}, the base class of its kind.",
    )
    lacking = sorted(getattr(cls, "__abstractmethods__", ()))
    expect(not lacking, f"{cls.__name__} does not define {', '.join(lacking)}, which {base.__name__} leaves to it.")


@contextmanager
def global_generators_untouched(what: str) -> Iterator[None]:
    """Raise an AssertionError if a block draws from, or seeds, the global generators of torch, NumPy or Python.

    Parameters
    ----------
    what : names the block in the message.
    """
    before = _global_states()
    yield
    for library, state in _global_states().items():
        expect(
            state == before[library],
            f"{what} used the global generator of {library}; draw from the generator that is given instead.",
        )


def _global_states() -> dict[str, Any]:
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 (the global one is what is looked at)
    return {
        "torch": torch.random.get_rng_state().tolist(),
        "NumPy": (numpy["state"]["key"].tolist(), numpy["state"]["pos"]),
        "Python": random.getstate(),
    }
