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

CHOOSE_KERNELS = (
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)
"""Environment variables that choose which of their kernels the libraries compute with."""


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


def kernels() -> dict[str, Any]:
    """Return what decides the last bits of a result on a CPU.

    Returns
    -------
    dict
        `torch`: the instruction set of its kernels, such as `AVX512`; `openblas`: the kind of processor that OpenBLAS,
        which NumPy and SciPy multiply with, computes for, such as `Haswell`, None without it; `chosen`: the variables
        of `CHOOSE_KERNELS` that are set.
    """
    import torch
    from threadpoolctl import threadpool_info

    kinds = {str(found["architecture"]) for found in threadpool_info() if found["internal_api"] == "openblas"}
    return {
        "torch": torch.backends.cpu.get_cpu_capability(),
        "openblas": ", ".join(sorted(kinds)) or None,
        "chosen": {name: os.environ[name] for name in CHOOSE_KERNELS if name in os.environ},
    }


def environment() -> dict[str, Any]:
    """Return versions, processor, kernels, number of threads and how they compute, as every record holds them."""
    import torch

    from cadc.provenance.threads import share_flushed

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": _processor(),
        "cpus": os.cpu_count(),
        "kernels": kernels(),
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
