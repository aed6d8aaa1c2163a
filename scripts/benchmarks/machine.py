"""The machine that was measured on: its processor, and how fast that multiplies and moves numbers."""

import platform
import re
import time
from pathlib import Path
from typing import Any

INSTRUCTIONS = (
    "avx2",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
    "asimd",
    "sve",
)
"""Sets of vector instructions by the names of Linux; which of them there are decides how fast products are."""


def machine() -> dict[str, Any]:
    """Return processor, instruction sets, caches, versions, and the measured speed of products and of copies."""
    import torch

    from cadc.provenance.environment import environment, source_version

    return {
        **environment(),
        "code": source_version(),
        "instructions": instructions(),
        "used_instructions": torch.backends.cpu.get_cpu_capability(),
        "caches": caches(),
        "gflops": round(gflops(), 1),
        "gb_per_s": round(gb_per_s(), 1),
    }


def instructions() -> list[str]:
    """Return the sets of vector instructions that the processor has; empty where the system does not say."""
    text = _read(Path("/proc/cpuinfo"))
    flags = re.search(r"^(?:flags|Features)\s*: (.+)", text, re.MULTILINE)
    have = set(flags[1].split()) if flags else set()
    return [name for name in INSTRUCTIONS if name in have]


def caches() -> dict[str, str]:
    """Return the size of each cache of the first processor, such as `L2: 1024K`."""
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind = (_read(folder / name).strip() for name in ("level", "type"))
        found[f"L{level}{kind[0].lower() if level == '1' and kind else ''}"] = _read(folder / "size").strip()
    return found


def gflops() -> float:
    """Return 10^9 floating-point operations a second of a product of float32 matrices of 1024 rows."""
    import torch

    left, right = torch.randn(1024, 1024), torch.randn(1024, 1024)
    return 2 * 1024**3 / _least_seconds(lambda: left @ right) / 1e9


def gb_per_s() -> float:
    """Return 10^9 bytes a second read and written by a copy of 256 MiB, which no cache holds."""
    import torch

    source = torch.ones(1 << 26)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _least_seconds(lambda: target.copy_(source)) / 1e9


def _least_seconds(work: Any) -> float:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def said(found: dict[str, Any]) -> str:
    """Return the machine in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in found["packages"].items() if version)
    code = found["code"]
    at = f" at {code['commit'][:10]}{' (changed)' if code['dirty'] else ''}" if code["commit"] else ""
    sizes = ", ".join(f"{name} {size}" for name, size in found["caches"].items())
    return (
        f"{found['cpu'] or platform.machine()}, {found['cpus']} processors, {found['threads']} of them used; "
        f"{', '.join(found['instructions']) or 'unknown instruction sets'} (torch uses {found['used_instructions']}); "
        f"{sizes}. Measured: {found['gflops']:g} GFLOP/s in a product of float32 matrices, "
        f"{found['gb_per_s']:g} GB/s in a copy. Python {found['python']}, {versions}; cadc {code['version']}{at}."
    )
