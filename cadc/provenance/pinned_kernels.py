"""`CADC_KERNELS`: kernels of the libraries that are chosen by name, and not by what the processor offers.

PyTorch, MKL, NumPy and OpenBLAS choose their kernels when they are loaded, by environment variables and the processor.
So the variables are set when `cadc` is imported, before any of the libraries.
"""

import os
import platform
import sys
from pathlib import Path

from cadc.errors import UsageError

VARIABLE = "CADC_KERNELS"

AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    # Names of NumPy before and since 2.4; it passes over those that it does not know.
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V4",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}

PINNED = {"avx2": AVX2, "compatible": AVX2 | {"MKL_CBWR": "COMPATIBLE"}}
"""By the value of `CADC_KERNELS`, the variables that it sets."""

READERS = ("numpy", "scipy", "torch")
"""Libraries that have chosen their kernels once they are loaded."""


def pin_kernels() -> None:
    """Set the variables that `CADC_KERNELS` stands for; where they would have no effect, `require_kernels` says so."""
    if not fault():
        os.environ.update(PINNED.get(os.environ.get(VARIABLE, ""), {}))


def require_kernels() -> None:
    """Raise a UsageError if `CADC_KERNELS` is set, but its kernels are not those that are computed with."""
    if found := fault():
        raise UsageError(found)


def fault() -> str:
    """Return why the kernels that `CADC_KERNELS` names cannot be had; empty where nothing is wrong."""
    name = os.environ.get(VARIABLE)
    if not name:
        return ""
    if name not in PINNED:
        return f"{VARIABLE} is {name!r}; choose one of {', '.join(PINNED)}, or unset it."
    if not _has_avx2():
        return f"{VARIABLE} is {name}, but this processor does not have AVX2; unset it."
    unset = {key for key, value in PINNED[name].items() if os.environ.get(key) != value}
    if other := sorted(key for key in unset if key in os.environ):
        return (
            f"{VARIABLE} is {name}, which sets {other[0]} to {PINNED[name][other[0]]!r}, but it is "
            f"{os.environ[other[0]]!r} already; unset one of the two."
        )
    if unset and (loaded := [library for library in READERS if library in sys.modules]):
        return (
            f"{VARIABLE} is {name}, but {loaded[0]} was loaded before cadc and has chosen its kernels; import cadc "
            "first."
        )
    return ""


def _has_avx2() -> bool:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not on Linux, where the libraries look for themselves
        return True
