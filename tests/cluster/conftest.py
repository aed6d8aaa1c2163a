"""Launchers for the tests: Ray without a trace in the user's home, and a Slurm that runs on this machine."""

import os
import sys
from pathlib import Path

import pytest

from tests.cluster import fake_slurm

LAUNCHERS = {
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra/launcher=submitit_local",),
    "submitit_slurm": ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=short"),
    "ray": ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"),
}
EXTRA = {"joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}


def each(*names):
    """Give a test each of these launchers, by name; skipped where its extra is not installed."""
    return pytest.mark.parametrize(
        "launcher", [pytest.param(name, marks=pytest.mark.cluster(EXTRA[name])) for name in names]
    )


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home for the whole session: a process reads Ray's token in `~/.ray` once, its servers at every start."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch, home):
    """Give what the launchers start a home that is not the user's, this source tree, and one thread."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in [name for name in os.environ if name.startswith(("RAY_", "SLURM_", "SUBMITIT_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def slurm(monkeypatch, tmp_path):
    """A Slurm of this test's own on the path; the folder where it keeps its jobs."""
    programs, folder = tmp_path / "slurm" / "bin", tmp_path / "slurm" / "jobs"
    programs.mkdir(parents=True)
    folder.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel", "scontrol"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake_slurm.__file__}" {name} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    return folder
