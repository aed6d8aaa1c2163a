"""The fitted transform of all dense columns of a log: fitted in bounded memory, applied to blocks of rows."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadc.data.remarks.dense_columns import Scale, dense_remarks
from cadc.data.transform.curve import Curve
from cadc.data.transform.transform import DenseTransform
from cadc.errors import DataError

FIT_ROWS = 1 << 20
"""Most training rows that a transform is fitted to; of more, so many are drawn.

The share of rows below any value then differs by less than 0.3 points from that in all training rows, with a
probability of 1 - 10⁻⁶ (Dvoretzky, Kiefer and Wolfowitz; Massart 1990).
"""
TRANSFORM = "transform.json"
"""File of the curves in the folder of a prepared log, and in an export."""


class FittedTransform:
    """Curves of the dense columns of a log.

    Parameters
    ----------
    names : of the columns.
    curves : one for each column.
    """

    def __init__(self, names: Sequence[str], curves: Sequence[Curve]) -> None:
        self.names = tuple(names)
        self.curves = tuple(curves)

    @property
    def is_identity(self) -> bool:
        """Whether all columns stay as they are."""
        return all(curve == Curve() for curve in self.curves)

    def apply(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return the inputs of a model for raw dense values.

        Parameters
        ----------
        raw : finite numbers, shape [B, D].

        Returns
        -------
        float32, shape [B, D].

        Raises
        ------
        DataError : if an input is beyond the range of float32, which happens only to columns as they stand.
        """
        inputs = np.empty(raw.shape, np.float32)
        for column, (name, curve) in enumerate(zip(self.names, self.curves, strict=True)):
            values = raw[:, column].astype(np.float64)
            with np.errstate(over="ignore"):
                inputs[:, column] = curve(values)
            wrong = np.flatnonzero(~np.isfinite(inputs[:, column]))
            if len(wrong):
                raise DataError(
                    f"the dense column {name} holds {values[wrong[0]]}, which is too large for a number of 32 bits; "
                    "choose data/transform=auto."
                )
        return inputs

    def to_text(self) -> str:
        """Return the curves as JSON, a list of objects with the column's name and the numbers of its `Curve`."""
        columns = [{"column": name, **curve.to_json()} for name, curve in zip(self.names, self.curves, strict=True)]
        return json.dumps(columns, indent=1)

    @classmethod
    def from_text(cls, text: str, names: Sequence[str]) -> "FittedTransform":
        """Return the transform of some columns that `to_text` was called on.

        Raises
        ------
        ValueError : if the text does not hold a curve for each of the columns, in their order.
        """
        found = json.loads(text)
        if not isinstance(found, list) or not all(isinstance(own, dict) for own in found):
            raise ValueError("it is not a list of curves")
        if [own.pop("column", None) for own in found] != list(names):
            raise ValueError(f"it is not about the columns {', '.join(names)}")
        return cls(names, [Curve.from_json(own) for own in found])


def fit_transform(
    transform: DenseTransform,
    names: Sequence[str],
    n_rows: int,
    values_of: Callable[[NDArray[np.int64], int], NDArray[Any]],
    generator: np.random.Generator,
) -> tuple[FittedTransform, list[str]]:
    """Fit the curves of dense columns to training rows; of more than `FIT_ROWS` so many are drawn.

    Parameters
    ----------
    transform : fits each column.
    names : of the columns.
    n_rows : number of training rows.
    values_of : returns the raw values of some training rows, numbered from 0 (int64, shape [B]), in the column of a
        number, shape [B].
    generator : draws rows.

    Returns
    -------
    fitted : the curves.
    remarks : sentences about the columns for the user.
    """
    drawn = np.arange(n_rows)
    if n_rows > FIT_ROWS:
        # One row at random of each of as many equal stretches: all different, and without a permutation in memory.
        drawn = ((np.arange(FIT_ROWS) + generator.random(FIT_ROWS)) * (n_rows / FIT_ROWS)).astype(np.int64)
    curves, scales = [], []
    for column, name in enumerate(names):  # only one is in memory at a time
        values = values_of(drawn, column).astype(np.float64)
        curves.append(transform.fit(values))
        scales.append(Scale.of(name, values, curves[-1]))
    return FittedTransform(names, curves), dense_remarks(scales)
