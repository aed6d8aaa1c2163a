"""Base class of transforms: how the raw values of a dense column become inputs of a model."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from cadc.data.transform.curve import Curve


class DenseTransform(ABC):
    """Fits a curve to the training values of a dense column; the curve then maps all parts and new rows.

    A subclass takes its options as keyword arguments and keeps each in an attribute of the same name; the cache of
    prepared logs is keyed by them.

    Examples
    --------
    >>> class Halved(DenseTransform):
    ...     def fit(self, values):
    ...         return Curve(scale=2.0)
    >>> Halved().fit(np.array([1.0, 2.0]))(np.array([3.0])).tolist()
    [1.5]
    """

    @abstractmethod
    def fit(self, values: NDArray[np.float64]) -> Curve:
        """Return the curve of one column.

        Parameters
        ----------
        values : its finite values in the training part, or in at most `cadc.data.transform.fitted.FIT_ROWS` rows drawn
            from it, float64, shape [n], n ≥ 1. They may be huge, tiny, all equal, or a few different ones.
        """
