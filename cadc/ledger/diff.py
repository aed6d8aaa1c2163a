"""Differences between two runs: in configuration, data, code, environment and results."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET, defaults
from cadc.configuration.nested import leaves, part
from cadc.errors import UsageError
from cadc.ledger.code import changed_modules
from cadc.ledger.record_hash import LOOKUP
from cadc.ledger.safe_text import dumped, harmless, number, value_text
from cadc.ledger.status import Entry

TOP_LEVEL = {"evaluate": "test", "energy": False}
"""Defaults of keys beside the groups, for older records that lack them."""

PARTS = ("configuration", "data", "code", "environment", "metrics", "sizes", "files", "record", "cost")
"""Parts of a difference, in the order in which they are shown."""

NOT_EXACT = ("examples_per_s", "peak_rss_mb", "energy_kwh", LOOKUP)
"""Costs that differ whenever a run is repeated, besides seconds."""

ABSENT = "-"

HASH = re.compile(r"[0-9a-f]{40,64}")

Pair = dict[str, Any]
"""`a` and `b`, of the runs that have the key, and for metrics and costs `difference`, b - a."""


def difference(one: Entry, two: Entry) -> dict[str, dict[str, Pair]]:
    """Return the differences between two runs by part and key; parts that are equal are left out."""
    found = {name: _pairs(_of(name, one, two), _of(name, two, one)) for name in PARTS}
    for name in ("metrics", "cost"):
        for pair in found[name].values():
            a, b = number(pair.get("a")), number(pair.get("b"))
            if a is not None and b is not None:
                pair["difference"] = b - a
    return {name: pairs for name, pairs in found.items() if pairs}


def only_times(found: Mapping[str, Mapping[str, Pair]]) -> bool:
    """Return whether two runs differ in seconds, speed and memory only."""
    return set(found) <= {"cost"} and all(key.endswith("_s") or key in NOT_EXACT for key in found.get("cost", {}))


def _of(name: str, entry: Entry, other: Entry) -> dict[str, Any]:
    known = entry.known
    if name == "configuration":
        return _configuration(part(known, "config"), part(other.known, "config"))
    if name == "sizes":
        tables = {key: value for key, value in part(known, "tables").items() if key != LOOKUP}
        return leaves({key: known.get(key) for key in ("bytes", "rows", "uses", "factor_dim")} | {"tables": tables})
    if name == "cost":
        return leaves(part(known, "cost")) | {
            key: value for key, value in part(known, "tables").items() if key == LOOKUP
        }
    if name == "record":
        return {"status": entry.status, "reason": known.get("reason"), "schema_version": known.get("schema_version", 1)}
    if name == "data":
        return leaves(_data(known, other.known))
    return leaves(part(known, name))


def _data(known: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of the data; of its options those that a file added, since the configuration has the rest.

    Older records hold no such options, so nothing can be said of their difference.
    """
    found = dict(part(known, "data"))
    options = found.pop("options", {})
    if "options" not in part(other, "data") or not isinstance(options, Mapping):
        return found
    added = [key for key in {*options, *part(part(other, "data"), "options")} if _is_added(key, known, other)]
    return found | {"options": {key: options[key] for key in sorted(added) if key in options}}


def _is_added(key: str, *records: Mapping[str, Any]) -> bool:
    """Tell whether an option of the data set is in one of two records, but not in its configuration."""
    if key == "class":
        return False
    options = [(part(part(known, "data"), "options"), part(part(known, "config"), "data")) for known in records]
    return any(key in found and found[key] != config.get(key) for found, config in options)


def _configuration(config: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return choices and options by key; defaults are filled in for options that only the other configuration has."""
    choices = part(config, "choices")
    groups = {key: value for key, value in config.items() if key != "choices"}
    found = leaves(TOP_LEVEL | _filled(groups, other))
    named = tuple(f"{str(group).replace('/', '.')}.{TARGET}" for group in choices)
    # The name of an option says more than the name of its class.
    return dict(choices) | {key: value for key, value in found.items() if key not in named}


def _filled(node: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    filled = {
        key: _filled(value, part(other, key)) if isinstance(value, Mapping) else value for key, value in node.items()
    }
    # Classes are only loaded for records of an older version, since that is slow.
    if TARGET in node and node[TARGET] == other.get(TARGET) and set(other) - set(node):
        try:
            missing = {key: value for key, value in defaults(load_class(node[TARGET])).items() if key in other}
        except (UsageError, TypeError):
            return filled
        filled = {key: list(value) if isinstance(value, tuple) else value for key, value in missing.items()} | filled
    return filled


def _pairs(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Pair]:
    pairs = {}
    for key in dict.fromkeys([*one, *two]):
        pair = {side: found[key] for side, found in (("a", one), ("b", two)) if key in found}
        if len(pair) == 1 or not _same(pair["a"], pair["b"]):
            pairs[key] = pair
    return pairs


def _same(a: Any, b: Any) -> bool:
    # In Python True equals 1, and NaN does not equal itself.
    return (a == b and isinstance(a, bool) == isinstance(b, bool)) or (a != a and b != b)


def as_json(one: Entry, two: Entry) -> str:
    """Return the differences as JSON: ids, whether only times differ, and each part."""
    found = difference(one, two)
    modules = {"modules": changed_modules(part(one.known, "code"), part(two.known, "code"))} if "code" in found else {}
    return dumped({"a": one.run_id, "b": two.run_id, "only_times": only_times(found), **found, **modules})


def as_text(one: Entry, two: Entry) -> Iterator[str]:
    """Yield the differences as lines of text."""
    found = difference(one, two)
    yield f"a  {harmless(one.run_id, 80)}  {one.status}"
    yield f"b  {harmless(two.run_id, 80)}  {two.status}"
    for name, pairs in found.items():
        yield ""
        yield name
        rows = [[harmless(key, 100), *_cells(name, pair)] for key, pair in pairs.items()]
        widths = [min(max(len(row[column]) for row in rows), 60) for column in range(len(rows[0]))]
        for row in rows:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if name == "code":
            yield f"  {_modules(one, two)}"
    yield ""
    if not found:
        yield "nothing differs"
    elif only_times(found):
        yield "nothing differs except times and memory"
    elif same := [name for name in PARTS if name not in found and name not in ("record", "sizes")]:
        yield f"the same: {', '.join(same)}"


def _cells(name: str, pair: Pair) -> list[str]:
    exact = [_exact(pair[side]) if side in pair else ABSENT for side in ("a", "b")]
    if name not in ("metrics", "cost"):
        return exact
    rounded = [f"{pair[side]:.6g}" if isinstance(pair.get(side), float) else exact[i] for i, side in enumerate("ab")]
    by = f"{pair['difference']:+.6g}" if "difference" in pair else ""
    return [*(rounded if rounded[0] != rounded[1] else exact), by]


def _exact(value: Any) -> str:
    text = value_text(value)
    return f"{text[:12]}…" if HASH.fullmatch(text) else text


def _modules(one: Entry, two: Entry) -> str:
    codes = [part(entry.known, "code") for entry in (one, two)]
    if codes[0].get("hash") == codes[1].get("hash"):
        return "the code that can change a result is the same"
    modules = changed_modules(*codes)
    if modules is None:
        return "the modules that differ are unknown: this needs a source tree with both commits, without local changes"
    if not modules:
        return "all modules of cadc that can change a result are equal; the runs use different ones, or plug-ins differ"
    return f"modules that differ: {', '.join(harmless(module, 100) for module in modules)}"
