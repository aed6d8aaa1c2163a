"""The function that a fitted transform applies to one dense column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Curve:
    """Maps raw values x of one column to inputs y of a model, in float64.

    All transforms come down to these few numbers, which are stored with the log, exported with a run, and enough to
    repeat the map elsewhere:

    1. z = sign(x) · log(1 + |x|) if `log`, else z = x;
    2. y = (z - `centre`) / `scale`, brought into [-`limit`, `limit`] if there is a limit;
    3. or, with knots in place of step 2: y is linear in z between the knots, and constant outside of them.

    Parameters
    ----------
    log : whether the logarithm of step 1 is taken.
    centre, scale : of step 2.
    limit : largest size of y; None has no limit.
    knots : ascending values of z, all different; none for step 2.
    scores : y at the knots.

    Raises
    ------
    ValueError : if the numbers are not finite or do not make a function.

    Examples
    --------
    >>> Curve(centre=10.0, scale=2.0, limit=3.0)(np.array([10.0, 8.0, 1e30])).tolist()
    [0.0, -1.0, 3.0]
    >>> Curve(knots=(0.0, 1.0, 5.0), scores=(-1.0, 0.0, 1.0))(np.array([-7.0, 0.5, 3.0, 9.0])).tolist()
    [-1.0, -0.5, 0.5, 1.0]
    """

    log: bool = False
    centre: float = 0.0
    scale: float = 1.0
    limit: float | None = None
    knots: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        limits = () if self.limit is None else (self.limit,)
        numbers = np.array([self.centre, self.scale, *limits, *self.knots, *self.scores], np.float64)
        ascending = all(a < b for a, b in zip(self.knots, self.knots[1:], strict=False))
        if not np.isfinite(numbers).all() or self.scale <= 0 or not all(own > 0 for own in limits):
            raise ValueError("its numbers are not finite, or its scale or limit is not positive")
        if len(self.knots) != len(self.scores) or not ascending:
            raise ValueError("its knots do not ascend, or have not one score each")

    @classmethod
    def constant(cls, value: float) -> "Curve":
        """Return the curve of a column that always has this value: 0 everywhere."""
        return cls(knots=(value,), scores=(0.0,))

    @classmethod
    def through(cls, knots: NDArray[np.float64], scores: NDArray[np.float64]) -> "Curve":
        """Return the curve through some points, shape [n] each."""
        return cls(knots=tuple(knots.tolist()), scores=tuple(scores.tolist()))

    @property
    def is_constant(self) -> bool:
        """Whether it maps all values to the same number."""
        return len(self.knots) == 1

    @property
    def kind(self) -> str:
        """What it does, in a word; empty for a column that stays as it is."""
        if self.is_constant:
            return "constant"
        if self == Curve():
            return ""
        return "ranks" if self.knots else "logarithm" if self.log else "standardised"

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map raw values, shape [n], to inputs, float64, shape [n]."""
        z = np.sign(values) * np.log1p(np.abs(values)) if self.log else values
        with np.errstate(over="ignore"):  # what overflows is brought to the limit, or refused
            if self.knots:
                return np.asarray(np.interp(z, np.array(self.knots), np.array(self.scores)))
            y = (z - self.centre) / self.scale
        return np.asarray(y if self.limit is None else np.clip(y, -self.limit, self.limit))

    def to_json(self) -> dict[str, Any]:
        """Return its numbers, those that do not apply left out."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        skipped = ("centre", "scale", "limit") if self.knots else ("knots", "scores")
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in own.items()
            if key not in skipped and value is not None
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Curve":
        """Return the curve that `to_json` was called on.

        Raises
        ------
        ValueError : if the value does not hold the numbers of a curve.
        """
        unknown = set(value) - {own.name for own in fields(cls)}
        numbers = [value.get(key, 1.0) for key in ("centre", "scale", "limit")]
        lists = [value.get(key, []) for key in ("knots", "scores")]
        if unknown or not isinstance(value.get("log", False), bool) or not all(map(_are_numbers, [numbers, *lists])):
            raise ValueError("it does not hold the numbers of a curve")
        options: dict[str, Any] = {key: tuple(own) if isinstance(own, list) else own for key, own in value.items()}
        return cls(**options)


def _are_numbers(values: Sequence[Any] | Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
