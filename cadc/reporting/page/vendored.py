"""The scripts of others that a page carries: from the npm registry, unchanged, with their licences."""

import json
from dataclasses import dataclass
from importlib.resources import files

FOLDER = files("cadc.reporting.page") / "vendored"


@dataclass(frozen=True)
class Script:
    """A script of the manifest.

    Parameters
    ----------
    name, version : of the package in the npm registry.
    file : its name here.
    path : its path in the package.
    sha256 : of the file.
    license : its SPDX identifier.
    license_file, license_sha256 : the text of the licence, and its hash.
    """

    name: str
    version: str
    file: str
    path: str
    sha256: str
    license: str
    license_file: str
    license_sha256: str

    @property
    def text(self) -> str:
        """What a script element holds: the licence, then the script."""
        code = (FOLDER / self.file).read_text("utf-8")
        terms = (FOLDER / self.license_file).read_text("utf-8").strip()
        return f"/*! {self.name} {self.version}\n{terms}\n*/\n{code}"


def manifest() -> list[Script]:
    """Return the scripts in the order in which a page needs them."""
    return [Script(**entry) for entry in json.loads((FOLDER / "manifest.json").read_text("utf-8"))]
