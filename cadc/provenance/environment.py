"""The machine, the library versions and the source version that a result was computed with."""

import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "pytorch-lightning", "numpy", "scipy", "pandas", "hydra-core", "pyarrow", "safetensors")


@cache
def _processor() -> str:
    try:
        match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        return match[1] if match else platform.processor()
    except OSError:
        return platform.processor()


@cache
def _version(name: str) -> str | None:
    """Return the version of an installed package; those that are loaded do not change while a process lives."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def environment() -> dict[str, Any]:
    """Return versions, processor, number of threads and how they compute, as every record holds them."""
    import torch

    from cadc.provenance.threads import share_flushed

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": _processor(),
        "cpus": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "denormals_flushed": share_flushed() == 1,
    }


@cache
def source_version() -> dict[str, Any]:
    """Return the package's `version`, and the `commit` of its source tree and whether that is `dirty`.

    Commit and state are None for an installed wheel.
    """
    from cadc import __version__
    from cadc.paths import PACKAGE

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", PACKAGE.parent, *arguments], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # An installed wheel may lie inside another project's repository.
    is_ours = git("ls-files", "--error-unmatch", "cadc/__init__.py") is not None
    status = git("status", "--porcelain", "--", "cadc", "conf") if is_ours else None
    return {
        "version": __version__,
        "commit": git("rev-parse", "HEAD") if is_ours else None,
        "dirty": None if status is None else bool(status),
    }
