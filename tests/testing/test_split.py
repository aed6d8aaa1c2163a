"""`check_split` refuses splits that break their contract, and says how."""

import numpy as np
import pytest

from cadc.data.split.split import Split
from cadc.testing import check_split
from tests.testing.refused import refused


class Thirds(Split):
    def assign(self, n_rows, generator, **columns):
        return (np.arange(n_rows) % 3).astype(np.uint8)


class NeedsPrice(Thirds):
    needs = ("price",)


class Wide(Split):
    def assign(self, n_rows, generator, **columns):
        return np.arange(n_rows) % 3


class TwoParts(Split):
    def assign(self, n_rows, generator, **columns):
        return (np.arange(n_rows) % 2).astype(np.uint8)


class FourParts(Split):
    def assign(self, n_rows, generator, **columns):
        return (np.arange(n_rows) % 4).astype(np.uint8)


class Unseeded(Split):
    def assign(self, n_rows, generator, **columns):
        return np.random.default_rng().integers(3, size=n_rows).astype(np.uint8)


class SortsInPlace(Thirds):
    needs = ("time",)

    def assign(self, n_rows, generator, time):
        time.sort()
        return super().assign(n_rows, generator)


class NoRemark(Thirds):
    def remark(self, place, **columns):
        return None


class CannotDoWithout(Thirds):
    takes = ("user",)

    def assign(self, n_rows, generator, user=None):
        return super().assign(n_rows, generator) if user is not None else np.zeros(n_rows, np.uint8)


BROKEN = {
    NeedsPrice: ("'price'", "user, item, time"),
    Wide: ("int64", "expected uint8"),
    TwoParts: ("the test part without rows",),
    FourParts: ("[3]", "0 to 2"),
    Unseeded: ("different parts for the same generator",),
    SortsInPlace: ("copy it first",),
    NoRemark: ("None", "expected a text"),
    CannotDoWithout: ("without user", "without rows"),
    dict: ("not derived from cadc.data.split.split.Split",),
}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_split_is_refused_and_the_reason_is_named(cls):
    said = refused(check_split, cls)
    for part in BROKEN[cls]:
        assert part in said
    assert cls.__name__ in said


def test_a_sound_split_passes():
    check_split(Thirds)
