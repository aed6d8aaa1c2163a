"""Metrics by name, found by their place: the files of this folder, and of the folder `metrics` of each plug-in.

Files are imported by name when a metric is first asked for, never by an import statement, so that a new or changed
metric is not part of the code behind a run; `cadc.ledger.identity` adds the metric that training stops by.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache

from cadc.configuration.class_lookup import allowed_packages
from cadc.errors import UsageError, shown
from cadc.evaluation.metrics.metric import Metric

PACKAGE = "cadc.evaluation.metrics"
FOLDER = "metrics"
"""Of a plug-in's package."""

NAME = re.compile(r"([^@/]+)(?:@([1-9][0-9]{0,8}))?")
STATED = ("name", "label", "task", "higher_is_better", "columns")
"""What a class must say of itself."""


def metric(name: str) -> Metric:
    """Return a metric by name, such as `auc` or `ndcg@10`.

    Raises
    ------
    UsageError : where there is no metric of that name, or a plug-in's metric cannot be used.

    >>> metric("ndcg@10").label, metric("logloss").higher_is_better
    ('NDCG@10', False)
    """
    found = NAME.fullmatch(name)
    cls = metric_classes().get(found[1]) if found else None
    if found is None or cls is None or not _fits(cls, found[2]):
        raise UsageError(f"there is no metric {shown(name)}; there are {', '.join(known_forms())}.")
    return cls(int(found[2])) if found[2] else cls()


def is_metric(name: str) -> bool:
    """Tell whether there is a metric of this name.

    >>> is_metric("ndcg@10"), is_metric("ndcg"), is_metric("total_s")
    (True, False, False)
    """
    found = NAME.fullmatch(name)
    return found is not None and found[1] in metric_classes() and _fits(metric_classes()[found[1]], found[2])


def comparable_metric(name: str) -> Metric:
    """Return a metric that arms and strata can be compared by.

    Raises
    ------
    UsageError : for another name.
    """
    found = metric(name)
    if not found.is_comparable:
        forms = [form for form in known_forms() if metric_classes()[form.partition("@")[0]].is_comparable]
        raise UsageError(f"arms cannot be compared by {name}; they can by {', '.join(forms)}.")
    return found


def known_forms() -> list[str]:
    """Return how each metric is written: `auc`, `hr@K`, and both forms of one whose cutoff is optional."""
    forms = {"never": ("{}",), "required": ("{}@K",), "optional": ("{}", "{}@K")}
    return [form.format(name) for name, cls in metric_classes().items() for form in forms[cls.cutoff]]


@cache
def metric_classes() -> dict[str, type[Metric]]:
    """Return the classes of all metrics by name, those of `cadc` first, each package's in the order of their names.

    Raises
    ------
    UsageError : where a file cannot be imported, a class does not say what it must, or two have one name.
    """
    found: dict[str, type[Metric]] = {}
    for package in (PACKAGE, *(f"{plugin}.{FOLDER}" for plugin in allowed_packages()[1:])):
        classes = [cls for module in _modules(package) for cls in _defined_in(module)]
        for cls in sorted(classes, key=lambda cls: cls.name):
            if cls.name in found:
                first, second = (f"{one.__module__}.{one.__name__}" for one in (found[cls.name], cls))
                raise UsageError(f"the metric {cls.name} is duplicated: {first} and {second}; rename one of them.")
            found[cls.name] = cls
    return found


def _modules(package: str) -> Iterator[str]:
    """Yield the module of this name and those in its folder; none where there is none."""
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return
    if spec is not None:
        yield package
        folders = spec.submodule_search_locations or []
        yield from (module.name for module in pkgutil.iter_modules(folders, f"{package}."))


def _defined_in(module: str) -> Iterator[type[Metric]]:
    """Yield the metrics that a module defines, abstract ones aside."""
    try:
        content = vars(importlib.import_module(module)).values()
    except Exception as error:
        raise UsageError(f"the metrics in {module} cannot be imported ({type(error).__name__}: {error}).") from error
    for cls in content:
        if not (isinstance(cls, type) and issubclass(cls, Metric) and cls.__module__ == module):
            continue
        if inspect.isabstract(cls):
            continue
        if lacking := [name for name in STATED if not hasattr(cls, name)]:
            raise UsageError(f"the metric {module}.{cls.__name__} does not state {', '.join(lacking)}.")
        if NAME.fullmatch(cls.name) is None or "@" in cls.name:
            raise UsageError(f"the metric {module}.{cls.__name__} is named {shown(cls.name)}; leave out @ and /.")
        yield cls


def _fits(cls: type[Metric], cutoff: str | None) -> bool:
    """Tell whether a metric is written with, or without, a cutoff."""
    return cls.cutoff != ("required" if cutoff is None else "never")
