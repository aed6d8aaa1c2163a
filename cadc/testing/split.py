"""The contract of splits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadc.data.split.split import SPLITS, Split
from cadc.provenance.fingerprint import describe, digest
from cadc.randomness import numpy_generator
from cadc.testing.expect import expect, expect_derived, global_generators_untouched

N_ROWS, N_USERS, N_ITEMS = 3000, 60, 80
COLUMNS = ("user", "item", "time", "part", "ticks_per_second")


def check_split(cls: type[Split], **options: Any) -> None:
    """Check that a split keeps the contract of `cadc.data.split.split.Split`.

    Every row has a place in `SPLITS`, no part is empty, the same generator gives the same places, columns are left as
    they are, and columns that the split merely `takes` may be absent.

    Parameters
    ----------
    cls : the class.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.data.split.leave_one_out import LeaveOneOutSplit
    >>> check_split(LeaveOneOutSplit)
    """
    expect_derived(cls, Split)
    split, name = cls(**options), cls.__name__
    for column in (*cls.needs, *cls.takes):
        expect(
            column in COLUMNS, f"{name} asks for the column {column!r}; a split can have {', '.join(COLUMNS)} of a log."
        )
    digest(describe(split))  # the key of the cache, which takes each option from an attribute of its name
    columns = _columns()
    asked = {column: columns[column] for column in (*cls.needs, *cls.takes)}
    place = _assign(split, asked)
    _check_places(name, place)
    expect((_assign(split, asked) == place).all(), f"{name} returned different parts for the same generator.")
    expect(
        all((asked[column] == _columns()[column]).all() for column in asked),
        f"{name} changed a column that it was given; columns may be files that are mapped into memory.",
    )
    remark = split.remark(place, **asked)
    expect(isinstance(remark, str), f"{name}.remark returned {remark!r}; expected a text, which may be empty.")
    if cls.takes:
        without = {column: columns[column] for column in cls.needs} | dict.fromkeys(cls.takes)
        _check_places(f"{name} without {', '.join(cls.takes)}", _assign(split, without))


def _columns() -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    activity = (np.arange(N_USERS) + 3.0) ** -0.8
    user = rng.choice(N_USERS, N_ROWS, p=activity / activity.sum()).astype(np.int32)
    # Five days, in steps of five minutes: some rows share a second, as in real logs, and users come several times.
    time = 300 * np.sort(rng.integers(3_000_000, 3_001_500, N_ROWS)).astype(np.int64)
    found = {"user": user, "item": rng.integers(N_ITEMS, size=N_ROWS).astype(np.int32), "time": rng.permutation(time)}
    found["part"] = rng.integers(len(SPLITS), size=N_ROWS).astype(np.uint8)
    for column in found.values():
        column.flags.writeable = False
    return found | {"ticks_per_second": np.asarray(1)}


def _assign(split: Split, columns: Mapping[str, NDArray[Any] | None]) -> NDArray[np.uint8]:
    name = type(split).__name__
    with global_generators_untouched(f"{name}.assign"):
        try:
            return split.assign(N_ROWS, numpy_generator(0, "split"), **columns)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise AssertionError(f"{name}.assign writes into a column that it was given; copy it first.") from error


def _check_places(name: str, place: Any) -> None:
    expect(
        isinstance(place, np.ndarray) and place.dtype == np.uint8 and place.shape == (N_ROWS,),
        f"{name}.assign returned {getattr(place, 'dtype', type(place).__name__)} of shape "
        f"{getattr(place, 'shape', ())}; expected uint8 of shape {(N_ROWS,)}.",
    )
    strange = place[place >= len(SPLITS)]
    expect(not len(strange), f"{name}.assign returned the place {strange[:1]}; expected 0 to {len(SPLITS) - 1}.")
    for part, count in zip(SPLITS, np.bincount(place, minlength=len(SPLITS)), strict=True):
        expect(count > 0, f"{name}.assign left the {part} part without rows, of {N_ROWS}.")
