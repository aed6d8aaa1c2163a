"""Numbers of a comparison as text: rounded, but never to the other side of what they are held against."""

from collections.abc import Sequence

MOST_DECIMALS = 12


def interval_text(low: float, high: float, bounds: Sequence[float] = (0.0,)) -> str:
    """Return an interval with 4 decimals, or more where an end would be rounded onto or across a bound.

    Parameters
    ----------
    low, high : ends of the interval.
    bounds : values that the ends are held against, such as 0 and the margin.

    >>> interval_text(0.00003, 0.0026), interval_text(-0.00204, 0.001, bounds=(0, -0.002))
    ('[+0.00003, +0.0026]', '[-0.00204, +0.0010]')
    """
    return f"[{_beside(low, bounds, '+', 4)}, {_beside(high, bounds, '+', 4)}]"


def p_text(p: float, level: float) -> str:
    """Return a p value with 3 decimals, or more where it would be rounded onto or across the level.

    >>> p_text(0.0004, 0.05), p_text(0.0498, 0.05), p_text(0.3, 0.05)
    ('<0.001', '0.0498', '0.300')
    """
    return "<0.001" if p < 0.001 else _beside(p, (level,), "", 3)


def _beside(value: float, bounds: Sequence[float], sign: str, decimals: int) -> str:
    for more in range(decimals, MOST_DECIMALS):
        text = f"{value + 0.0:{sign}.{more}f}"  # no negative zero
        if all(_side(float(text), bound) == _side(value, bound) for bound in bounds):
            return text
    return f"{value:{sign}}"


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)
