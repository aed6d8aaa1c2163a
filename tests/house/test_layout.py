"""The house keeps its shape: packages by what they know, folders and files that can be read at a glance."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cadc"
AT_THE_ROOT = {
    "adam.py",
    "__init__.py",
    "__main__.py",
    "errors.py",
    "escape.py",
    "paths.py",
    "randomness.py",
    "py.typed",
}
BELOW_THE_PIPELINE = ("data", "embeddings", "evaluation", "factorization", "models", "sampling", "training", "views")


def source_files(folder):
    return [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]


def test_only_the_ground_stands_at_the_root():
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == AT_THE_ROOT


@pytest.mark.parametrize("top", ["cadc", "conf", "experiments", "scripts", "tests"])
def test_no_folder_holds_more_than_25_files(top):
    folders = [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]
    crowded = {
        str(folder.relative_to(ROOT)): n
        for folder in folders
        if (n := sum(path.is_file() and path.suffix != ".pyc" for path in folder.iterdir())) > 25
    }
    assert crowded == {}


@pytest.mark.parametrize("package", BELOW_THE_PIPELINE)
def test_no_configuration_dictionary_travels_below_the_pipeline(package):
    for path in source_files(PACKAGE / package):
        names = {node.arg for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.arg)}
        assert not names & {"config", "cfg"}, path


def test_models_are_not_probed_by_name():
    probes = ("getattr(model", "hasattr(model", "getattr(self.model", "hasattr(self.model", "hasattr(pl_module.model")
    for path in source_files(PACKAGE):
        assert not any(probe in path.read_text() for probe in probes), path


def test_a_package_imports_only_from_those_below_it():
    pytest.importorskip("importlinter", reason="a tool of developers")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
