"""Whether the installed packages are those that cadc needs, and those of its lock file."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from cadc.diagnosis.finding import Finding
from cadc.errors import reason
from cadc.paths import PACKAGE
from cadc.provenance.environment import PACKAGES
from cadc.terminal.counted import counted

LOCK = "requirements.lock"
"""File of the source tree with the versions that its tests and results were made with."""
SHOWN = 5
"""Packages that a line names at most."""


def check_versions(folder: Path = PACKAGE.parent, installed: Callable[[str], str] = version) -> Iterator[Finding]:
    """Yield whether every package that cadc needs is there, and how versions differ from the lock file.

    Parameters
    ----------
    folder : of the source tree; an installed wheel has no lock file beside it.
    installed : returns the version of a package by its name, or raises PackageNotFoundError.
    """
    needed = list(_needed(folder))
    unmet = [sentence for own in needed if (sentence := _unmet(own, installed))]
    if unmet:
        words = " ".join(f"'{own}'" for own in needed if _unmet(own, installed))
        yield Finding("packages", "wrong", "; ".join(unmet), f"pip install {words}")
    else:
        yield Finding("packages", "ok", f"the {counted(len(needed), 'package')} that cadc needs are installed")
    yield _against_lock(folder / LOCK, installed)


def _needed(folder: Path) -> Iterator[Requirement]:
    """Yield what cadc needs without extras."""
    project = folder / "pyproject.toml"
    if project.is_file():
        listed = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    else:
        listed = requires("cadc") or []
    for own in map(Requirement, listed):
        if own.marker is None or own.marker.evaluate({"extra": ""}):
            own.marker = None
            yield own


def _unmet(needed: Requirement, installed: Callable[[str], str]) -> str:
    try:
        found = installed(needed.name)
    except PackageNotFoundError:
        return f"{needed.name} is missing, {needed} is needed"
    return "" if needed.specifier.contains(found, prereleases=True) else f"{needed.name} is {found}, {needed} is needed"


def _against_lock(lock: Path, installed: Callable[[str], str]) -> Finding:
    if not lock.is_file():
        return Finding("versions", "ok", f"there is no {LOCK} beside an installed wheel to compare versions with")
    try:
        listed = read_lock(lock.read_text(encoding="utf-8"))
    except OSError as error:
        return Finding("versions", "note", f"{lock} cannot be read: {reason(error)}", "make it readable, or restore it")
    differing = differences(listed, installed)
    if not differing:
        return Finding("versions", "ok", f"all are those of {LOCK}")
    named = [f"{name} {found} ({wanted})" for name, found, wanted in differing[:SHOWN]]
    more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    return Finding(
        "versions",
        "note",
        f"{counted(len(differing), 'package')} of {len(listed)} not as in {LOCK}: {', '.join(named)}{more}",
        "scores may differ in their last digits from those in results; `. scripts/environment.sh` makes a .venv with "
        "the versions of the lock file",
    )


def read_lock(text: str) -> dict[str, str]:
    r"""Return the versions of a lock file by package.

    >>> read_lock("numpy==2.4.6\n# a comment\ntorch==2.13.0 ; python_version > '3'\n")
    {'numpy': '2.4.6', 'torch': '2.13.0'}
    """
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", text, re.MULTILINE))


def differences(listed: Mapping[str, str], installed: Callable[[str], str]) -> Sequence[tuple[str, str, str]]:
    """Return name, installed version and listed version of packages that differ; those that compute come first.

    Packages that are not installed, such as tools of developers, and local labels such as `+cpu` do not count.
    """
    found = []
    for name, wanted in listed.items():
        try:
            own = installed(name)
        except PackageNotFoundError:
            continue
        if _public(own) != _public(wanted):
            found.append((name, own, wanted))
    return sorted(found, key=lambda own: (own[0] not in PACKAGES, own[0]))


def _public(text: str) -> str:
    try:
        return Version(text).public
    except InvalidVersion:
        return text
