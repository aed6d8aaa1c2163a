"""The sections, found by their files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks.case import Case
from benchmarks.options import Options

FOLDER = Path(__file__).parent / "sections"


@dataclass(frozen=True)
class Section:
    """A section.

    Parameters
    ----------
    name : of its file.
    title : first line of its documentation.
    cases : yields its cases; one is made when the one before is done.
    takes_minutes : whether it runs only if it is named.
    """

    name: str
    title: str
    cases: Callable[[Options], Iterator[Case]]
    takes_minutes: bool


def section_named(name: str) -> Section:
    """Return a section by its name."""
    module = import_module(f"benchmarks.sections.{name}")
    title = (module.__doc__ or "").partition("\n")[0]
    return Section(name, title, module.cases, getattr(module, "TAKES_MINUTES", False))


def names() -> list[str]:
    """Return the names of all sections."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
