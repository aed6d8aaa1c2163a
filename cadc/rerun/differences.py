"""Why a run that was repeated may differ from its record: machine, libraries, code, data, options."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cadc.configuration.components import defaults
from cadc.configuration.nested import part
from cadc.ledger.code import changed_modules
from cadc.ledger.reading import Record
from cadc.ledger.safe_text import harmless, value_text
from cadc.pipeline.settings import Settings

MOST_NAMES = 6
"""Modules or options that a line names; of more it says how many."""


def of_the_machine(record: Record, environment: Mapping[str, Any]) -> Iterator[str]:
    """Yield in what machine and libraries of a record differ from others, where it says so.

    Parameters
    ----------
    record : of a run.
    environment : of the repetition, as its record has it.
    """
    before = part(record, "environment")
    for key, what in (("cpu", "processor"), ("gpu", "GPU"), ("threads", "threads")):
        if key in before and before[key] != environment.get(key):
            yield _pair(what, before[key], environment.get(key))
    kernels = [part(found, "kernels") for found in (before, environment)]
    if all(kernels):  # earlier records do not name them
        for key in ("torch", "openblas"):
            if kernels[0].get(key) != kernels[1].get(key):
                yield _pair(f"kernels of {key}", kernels[0].get(key), kernels[1].get(key))
        if part(kernels[0], "chosen") != part(kernels[1], "chosen"):
            yield _pair("variables that choose kernels", *(_variables(part(own, "chosen")) for own in kernels))
    if before.get("denormals_flushed", True) != environment.get("denormals_flushed", True):
        yield _pair("denormal numbers taken for 0", before.get("denormals_flushed"), environment["denormals_flushed"])
    if before.get("python", environment.get("python")) != environment.get("python"):
        yield _pair("Python", before["python"], environment.get("python"))
    packages = [part(found, "packages") for found in (before, environment)]
    for name in sorted(set(packages[0]) & set(packages[1])):
        if packages[0][name] != packages[1][name]:
            yield _pair(f"library {name}", packages[0][name], packages[1][name])
    if "fleet" in before:
        yield f"fleet: trained together with {before['fleet'] - 1} runs, now alone"
    ranks = [part(found, "ranks").get("size", 1) for found in (before, environment)]
    if ranks[0] != ranks[1]:
        yield _pair("processes that trained it", *ranks)


def of_the_run(
    record: Record, settings: Settings, run_id: str, code: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[str]:
    """Yield why the id of a repetition is not that of the record.

    Parameters
    ----------
    record : of a run.
    settings, run_id, code, data : of the repetition; `code` and `data` as a record has them.
    """
    if run_id == record["id"]:
        return
    before = part(record, "code")
    is_explained = False
    if before.get("hash") != code["hash"]:
        is_explained = True
        yield f"code: {_modules(before, code)}"
    for key, what in (("content_hash", "prepared data"), ("rating_hash", "prepared ratings")):
        hashes = [part(record, "data").get(key), data.get(key)]
        if None not in hashes and hashes[0] != hashes[1]:
            is_explained = True
            yield f"data: the files are the same, but the {what} have other content"
    if new := _not_in_the_record(settings):
        yield f"options that the record does not name, at the default of their class: {_listed(new)}"
    elif not is_explained:
        yield f"the id {record['id']} does not follow from the record, which gives {run_id}; was it changed?"


def _modules(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    commit = harmless(str(before.get("commit") or "no commit")[:12])
    modules = _changed(*(_key(code) for code in (before, now)))
    if modules is None:
        unclean = [name for name, code in (("the record's", before), ("the present", now)) if code.get("dirty")]
        why = f"{' and '.join(unclean)} code has local changes" if unclean else "this source tree lacks the commit"
        return f"made by other code ({commit}); which modules differ is unknown, since {why}"
    if not modules:
        return f"made by other code ({commit}); its modules are equal, but the run uses others, or plug-ins differ"
    return f"made by other code ({commit}); {_listed([harmless(module, 100) for module in modules])}"


def _key(code: Mapping[str, Any]) -> tuple[Any, Any]:
    return code.get("commit"), code.get("dirty")


@cache
def _changed(one: tuple[Any, Any], two: tuple[Any, Any]) -> list[str] | None:
    return changed_modules(*({"commit": commit, "dirty": dirty} for commit, dirty in (one, two)))


def _not_in_the_record(settings: Settings) -> list[str]:
    """Return the options, with their defaults, that the used classes have and the configuration does not name."""
    found = []
    for group, component in settings.used().items():
        skipped = getattr(component.cls, "without_effect", ())
        for name, value in defaults(component.cls).items():
            if name not in component.options and name not in skipped:
                found.append(f"{group}.{name}={value_text(value)}")
    return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"


def _variables(chosen: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(chosen.items())) or "none"


def _pair(what: str, before: Any, now: Any) -> str:
    return f"{what}: {harmless(before, 120)} in the record, {harmless(now, 120)} here"
