"""The version stands once, in the package; what else names it agrees."""

import re
from pathlib import Path

import cadc
from tests.support.commands import cadc as command

ROOT = Path(__file__).parents[2]


def test_the_changelog_begins_with_the_version_and_its_date():
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    version, date = re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)", heads[0]).groups()
    citation = (ROOT / "CITATION.cff").read_text()
    assert version == cadc.__version__
    assert (f"\nversion: {version}\n" in citation) and (f"\ndate-released: {date}\n" in citation)
    assert len(set(heads)) == len(heads)


def test_the_command_and_the_build_read_it_from_the_package():
    assert command("--version").out == f"cadc {cadc.__version__}\n"
    project = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert not re.search(r"^version = ", project, flags=re.MULTILINE)
