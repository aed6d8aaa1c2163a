"""The contract of policies of streams."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.errors import UsageError
from cadc.streams.policy import Judged, Losses, Policy, Sizes, StreamState
from cadc.testing.expect import expect, expect_derived, global_generators_untouched

ARRIVED = ((7, 3), (12, 9), (30, 21))
"""Users and items that are known in each segment."""


def check_policy(cls: type[Policy], seed: int = 0, mean_size: float = 3.3, most: int = 12, **options: Any) -> None:
    """Check that a policy keeps the contract of `cadc.streams.policy.Policy` in a made-up stream.

    Sizes are one a row, between 1 and the most, and all together within the budget; the same stream gives the same
    sizes, also to a policy that takes over what another has learnt; no global generator is used; what the state holds
    is not changed.

    Parameters
    ----------
    cls : the class.
    seed : of the stream.
    mean_size : numbers of a row on average, at least 1.
    most : numbers of a row at most.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.streams.policies.frequency import Frequency
    >>> check_policy(Frequency, alpha=0.3)
    """
    expect_derived(cls, Policy)
    whole = list(_sizes_of(cls(**options), range(len(ARRIVED)), seed, mean_size, most))
    _expect_equal(cls, whole, list(_sizes_of(cls(**options), range(len(ARRIVED)), seed, mean_size, most)), "again")
    first = cls(**options)
    begun = list(_sizes_of(first, range(1), seed, mean_size, most))
    try:
        learnt = load(save(first.state()))
    except Exception as error:
        raise AssertionError(f"{cls.__name__}.state() cannot be written as safetensors: {error}") from error
    second = cls(**options)
    second.resume(learnt)
    rest = list(_sizes_of(second, range(1, len(ARRIVED)), seed, mean_size, most, begun[-1]))
    _expect_equal(cls, whole, begun + rest, "after it took over the state of the first segment")


def _sizes_of(
    policy: Policy, segments: Sequence[int], seed: int, mean_size: float, most: int, before: Sizes | None = None
) -> Iterator[Sizes]:
    """Yield the sizes of some segments, after each of which the policy learns."""
    for segment in segments:
        state, name = made_up_state(segment, seed, mean_size, most, before), type(policy).__name__
        held = [own.clone() for own in (*state.counts.values(), *state.recent.values(), *state.pairs)]
        with global_generators_untouched(name):
            before = policy.sizes(state)
        try:
            state.require_within(before, name)
        except UsageError as error:
            raise AssertionError(str(error)) from error
        losses = Losses(*state.pairs, torch.rand(len(state.pairs[0]), dtype=torch.float64, generator=_generator(seed)))
        policy.learn(state, before, _judged(state.value_of(before, 1), losses))
        now = (*state.counts.values(), *state.recent.values(), *state.pairs)
        expect(
            all(torch.equal(one, other) for one, other in zip(held, now, strict=True)),
            f"{name} changed tensors of the state; copy what is changed.",
        )
        yield before


def _judged(value: float, losses: Losses) -> Judged:
    return Judged(value, lambda: losses)


def _expect_equal(cls: type, expected: Sequence[Sizes], found: Sequence[Sizes], when: str) -> None:
    for segment, (one, other) in enumerate(zip(expected, found, strict=True)):
        for side, own in one.items():
            expect(
                torch.equal(own, other[side]),
                f"{cls.__name__} gives {side} rows other sizes in segment {segment + 1} {when}.",
            )


def made_up_state(
    segment: int, seed: int = 0, mean_size: float = 3.3, most: int = 12, before: Sizes | None = None
) -> StreamState:
    """Return the state of a segment, from 0 to 2, of a made-up stream.

    Parameters
    ----------
    segment : its number.
    seed : of the stream.
    mean_size : numbers of a row on average, at least 1.
    most : numbers of a row at most.
    before : the sizes of the segment before; None in the first.
    """
    rows = [_rows(own, seed) for own in range(segment + 1)]
    lengths = {side: n + 1 for side, n in zip(ENTITY_FIELDS, ARRIVED[segment], strict=True)}
    counts, recent = {}, {}
    for place, (side, n) in enumerate(lengths.items()):
        counts[side] = torch.bincount(torch.cat([pairs[place] for pairs in rows]), minlength=n)
        recent[side] = torch.bincount(rows[-1][place], minlength=n)

    def vectors(side: EntitySide) -> Tensor:
        found = torch.randn(lengths[side], most, generator=_generator(seed))
        known = torch.zeros(lengths[side], dtype=torch.int64)
        if before is not None:
            known[: len(before[side])] = before[side]
        return found * (torch.arange(most) < known.unsqueeze(1))

    def value_of(sizes: Sizes, steps: int) -> float:
        """The value is best where users have a third of the budget, and sizes follow roots of frequencies."""
        users, items = (int(sizes[side].sum()) for side in lengths)
        roots = [(sizes[side] / most - (counts[side] / counts[side].max()).sqrt()).square().mean() for side in lengths]
        return -abs(users / (users + items) - 1 / 3) - float(sum(roots))

    return StreamState(
        segment=segment,
        counts=counts,
        recent=recent,
        before=before,
        pairs=rows[-1],
        total=int(mean_size * sum(lengths.values())),
        most=most,
        vectors=vectors,
        value_of=value_of,
        generator=_generator(seed + segment),
    )


def _rows(segment: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return users and items of a segment's rows, all who have arrived among them, int64, shape [n] each."""
    generator = _generator(1000 * seed + segment)
    drawn = [n * torch.rand(4 * max(ARRIVED[segment]), generator=generator).square() for n in ARRIVED[segment]]
    users, items = (
        torch.cat([torch.arange(1, n + 1), 1 + own.long()])[: len(drawn[0])]
        for n, own in zip(ARRIVED[segment], drawn, strict=True)
    )
    return users, items


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
