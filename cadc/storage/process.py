"""Which process on which machine this is, and whether a process still lives."""

import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """Return host, machine, process id and start time of this process, as a lease names its holder."""
    process = os.getpid()
    return {"host": platform.node(), "machine": machine(), "process": process, "started": start_time(process)}


@cache
def machine() -> str:
    """Return a name that only processes share that see each other's ids: host, boot and process namespace."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def start_time(process: int) -> str | None:
    """Return when a process of this machine started, in clock ticks since boot, or None if it does not live.

    The start time tells a process from a later one that was given the same id. A system without `/proc` answers
    `alive` for every living process.
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return "alive"
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
