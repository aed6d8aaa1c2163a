"""Dense columns that say nothing, or whose scales drown each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadc.data.transform.curve import Curve
from cadc.data.transform.standard import half_range, mean_and_std
from cadc.errors import shown

MOST_APART = 1e3
"""Largest quotient of the sizes of two columns, or of a column and the network's own values, that goes unsaid."""


@dataclass(frozen=True)
class Scale:
    """The scale of a dense column in the training part.

    Parameters
    ----------
    name : of the column.
    is_constant : whether all values are equal.
    size : root mean square.
    spread : standard deviation.
    stands : whether the column goes into models as it stands.
    """

    name: str
    is_constant: bool
    size: float
    spread: float
    stands: bool

    @classmethod
    def of(cls, name: str, values: NDArray[np.float64], curve: Curve) -> "Scale":
        """Return the scale of the values, shape [n], that a curve was fitted to."""
        if half_range(values) < np.finfo(np.float64).tiny:
            return cls(name, True, abs(float(values[0])), 0.0, curve == Curve())
        mean, spread = mean_and_std(values)
        return cls(name, False, float(np.hypot(mean, spread)), spread, curve == Curve())


def dense_remarks(scales: Sequence[Scale]) -> list[str]:
    """Return sentences about constant columns, and about columns that stand as they are at different scales."""
    remarks = []
    constant = [scale.name for scale in scales if scale.is_constant]
    if constant:
        which = "the dense column" if len(constant) == 1 else f"each of the {len(constant)} dense columns"
        remarks.append(
            f"{which} {shown(', '.join(constant))[1:-1]} has one value in all training rows, which says nothing; "
            "leave it out"
        )
    standing = [scale for scale in scales if scale.stands and not scale.is_constant]
    if standing:
        large, small = max(standing, key=lambda own: own.size), min(standing, key=lambda own: own.spread)
        # Beside the columns stand the network's own values, of about 1.
        apart = max(large.size, 1.0) / min(small.spread, 1.0)
        if apart > MOST_APART:
            ends = [f"{large.name} has numbers of about {large.size:.0e}"] if large.size > 1 else []
            ends += [f"{small.name} differs by about {small.spread:.0e}"] if small.spread < 1 else []
            ends += ["a network works with numbers of about 1"] if len(ends) == 1 else []
            remarks.append(
                f"dense columns stand as they are (data/transform=none) although scales differ by a factor of "
                f"{apart:.0e} ({', '.join(ends)}), so that some numbers drown others; choose data/transform=auto"
            )
    return remarks
