"""`check_transform` refuses transforms that break their contract, and says how."""

import numpy as np
import pytest

from cadc.data.transform import AutoTransform, Curve, DenseTransform, LogTransform, NoTransform, StandardTransform
from cadc.testing import check_transform
from tests.testing.refused import refused


class NoCurve(DenseTransform):
    def fit(self, values):
        return values.mean()


class Changing(DenseTransform):
    def fit(self, values):
        values -= values.mean()
        return Curve()


class Drawn(DenseTransform):
    def fit(self, values):
        return Curve(centre=float(np.random.default_rng().normal()))


class Overflowing(DenseTransform):
    def fit(self, values):
        return Curve(scale=1e-300)


FAULTS = {
    NoCurve: ("NoCurve.fit returned", "expected a Curve"),
    Changing: ("Changing.fit changed",),
    Drawn: ("Drawn.fit returned two different curves",),
    Overflowing: ("Overflowing maps", "not finite"),
    dict: ("not derived from cadc.data.transform.transform.DenseTransform",),
}


@pytest.mark.parametrize("cls", FAULTS, ids=lambda cls: cls.__name__)
def test_a_broken_transform_is_refused_and_the_reason_is_named(cls):
    said = refused(check_transform, cls)
    assert all(part in said for part in FAULTS[cls]), said


@pytest.mark.parametrize("cls", [AutoTransform, LogTransform, NoTransform, StandardTransform])
def test_a_sound_transform_passes(cls):
    check_transform(cls)
