"""Names of arms of an ad-hoc sweep: the overrides in which they differ."""

from collections.abc import Mapping, Sequence

from cadc.ledger.identity import told_by
from cadc.ledger.store import Record

COLUMNS_OF_THEIR_OWN = ("data", "sampler.rate", "embedding", "embedding.ratio", "embedding.dim", "stream.mean_size")
"""Keys that a table shows in columns where they tell rows apart."""

DERIVED = ("task", "factor_dim")
"""Values that follow from others."""


MOST_WHOLE = 3
"""Differing keys that a name shows whole."""


def arm_names(records: Sequence[Record]) -> list[str]:
    """Return for each record the overrides in which its arm differs from others, `initializer=mf model.residual=true`.

    Where more than three keys differ, each is named by its last part that no other has, and numbers have four digits.
    Options are compared between runs that have them, and whose group has the same option: where the model differs, its
    own options do not count. Keys that a table shows in columns are left out. A run in which nothing differs has the
    name of its model.

    Parameters
    ----------
    records : of a table's runs; those that stand for runs without a result included.

    Raises
    ------
    UsageError : for a component that does not exist here.
    """
    told = [told_by(record) for record in records]
    keys = [key for key in _keys(told) if key not in (*COLUMNS_OF_THEIR_OWN, *DERIVED) and _differs(key, told)]
    if is_long := len(keys) > MOST_WHOLE:
        told = [{key: _short(value) for key, value in options.items()} for options in told]
    shown_as = {key: _last_part(key, keys) if is_long else key for key in keys}
    names = [" ".join(f"{shown_as[key]}={options[key]}" for key in keys if key in options) for options in told]
    return [name or options.get("model", "run") for name, options in zip(names, told, strict=True)]


def _keys(told: Sequence[Mapping[str, str]]) -> list[str]:
    """Return all keys, those of groups first."""
    keys = dict.fromkeys(key for options in told for key in options)
    return sorted(keys, key=lambda key: "." in key)


def _differs(key: str, told: Sequence[Mapping[str, str]]) -> bool:
    group = key.partition(".")[0]
    values: dict[str | None, set[str]] = {}
    for options in told:
        if key in options:
            values.setdefault(options.get(group) if group != key else None, set()).add(options[key])
    return any(len(found) > 1 for found in values.values())


def _last_part(key: str, keys: Sequence[str]) -> str:
    last = key.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in keys) == 1 else key


def _short(value: str) -> str:
    """Return a value with four digits if it is a decimal number."""
    try:
        return f"{float(value):.4g}" if "." in value else value
    except ValueError:
        return value
