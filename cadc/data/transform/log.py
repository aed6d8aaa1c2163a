"""Logarithm, then standardisation: for counts and prices."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.transform.curve import Curve
from cadc.data.transform.standard import StandardTransform


class LogTransform(StandardTransform):
    """Takes sign(x) · log(1 + |x|), and then standardises.

    It suits counts and amounts; values much smaller than 1 stay nearly as they are but for their scale.

    Parameters
    ----------
    limit : largest size of the result, in standard deviations; what lies beyond is set to it.
    """

    def fit(self, values: NDArray[np.float64]) -> Curve:
        """Return a curve that is linear in the logarithm, see `DenseTransform.fit`."""
        linear = super().fit(Curve(log=True)(values))
        if linear.is_constant:
            return linear
        return Curve(log=True, centre=linear.centre, scale=linear.scale, limit=linear.limit)
