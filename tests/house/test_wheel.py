"""The wheel: it holds configuration and experiments, runs from a folder of its own, and is what the sdist builds."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import process

ROOT = Path(__file__).parents[2]


def pip(*words):
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, ROOT)
    (path,) = folder.glob("cadc-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--no-compile", "--target", target, wheel)
    return target


def test_every_file_of_package_configuration_and_experiments_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"cadc/conf/config.yaml", "cadc/experiments/quickstart/experiment.yaml"} <= names
    for folder, inside in (("cadc", "cadc"), ("conf", "cadc/conf"), ("experiments", "cadc/experiments")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{inside}/{path.relative_to(ROOT / folder).as_posix()}" in names
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]


def test_the_installed_wheel_plans_a_run_from_anywhere(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(installed))
    # The source tree is installed in the same environment; PYTHONPATH comes first.
    answer = process(["-c", "import cadc; print(cadc.__file__)"], cwd=tmp_path)
    assert answer.out.strip() == str(installed / "cadc" / "__init__.py")
    words = ["train", "data=synthetic", "data.n_rows=2000", "trainer.max_epochs=1", "--dry-run"]
    answer = process(["-m", "cadc", *words], cwd=tmp_path)
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1].split()[1:3] == ["to", "run"]
    assert str(ROOT) not in answer.out
    assert list(tmp_path.iterdir()) == []


def test_the_installed_wheel_knows_its_experiments(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(installed))
    answer = process(["-c", "import cadc.experiment as e; print(e.names(), e.reading.experiments_dir())"], cwd=tmp_path)
    assert "'quickstart'" in answer.out
    assert str(installed / "cadc" / "experiments") in answer.out


def test_the_sdist_builds_the_same_wheel(wheel, tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path / "built")]
    subprocess.run([*build, "--target", "sdist"], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = (tmp_path / "built").glob("cadc-*.tar.gz")
    with tarfile.open(sdist) as archive:
        # Python 3.11 has filters from 3.11.4 on.
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    assert {"README.md", "LICENSE", "CHANGELOG.md", "requirements.lock"} <= {path.name for path in source.iterdir()}
    subprocess.run([*build, "--target", "wheel"], cwd=source, check=True, capture_output=True)
    (again,) = (tmp_path / "built").glob("cadc-*.whl")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
