"""The contract of transforms of dense columns."""

import numpy as np
from numpy.typing import NDArray

from cadc.data.transform.curve import Curve
from cadc.data.transform.transform import DenseTransform
from cadc.provenance.fingerprint import describe, digest
from cadc.testing.expect import expect, expect_derived


def check_transform(cls: type[DenseTransform], **options: object) -> None:
    """Check that a transform keeps the contract of `cadc.data.transform.transform.DenseTransform`.

    It returns a `Curve` for columns of any kind (constant, of two values, heavy-tailed, with a huge offset or a single
    outlier), the same one each time; it leaves the column as it is; and its inputs are finite.

    Parameters
    ----------
    cls : the class.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.data.transform.rank import RankTransform
    >>> check_transform(RankTransform)
    """
    expect_derived(cls, DenseTransform)
    transform, name = cls(**options), cls.__name__
    digest(describe(transform))  # the key of the cache, which takes each option from an attribute of its name
    for kind, column in _columns().items():
        given = column.copy()
        curve = transform.fit(given)
        expect(isinstance(curve, Curve), f"{name}.fit returned {type(curve).__name__} of {kind}; expected a Curve.")
        expect((given == column).all(), f"{name}.fit changed {kind}.")
        expect(cls(**options).fit(column) == curve, f"{name}.fit returned two different curves of {kind}.")
        expect(np.isfinite(curve(column)).all(), f"{name} maps {kind} to numbers that are not finite.")


def _columns() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=2000)
    return {
        "a normal column": normal,
        "a single value": normal[:1],
        "a constant column": np.full(50, 7.5),
        "a column of two values": np.where(normal > 2, 1.0, 0.0),
        "a heavy-tailed column": np.exp(12 + 3 * normal),
        "a column with a huge offset": 1.6e15 + np.round(1e6 * normal),
        "a column of tiny values": 1e-300 * normal,
        "a column with an outlier": np.append(normal, 1e300),
    }
