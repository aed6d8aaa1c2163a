"""Whether memory and disk are free as a run will need them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from cadc.diagnosis.finding import Finding
from cadc.diagnosis.folders import existing
from cadc.diagnosis.need import Need, need_of
from cadc.diagnosis.size import size_of_log
from cadc.distributed.placement import own_placement
from cadc.errors import NoDevice, reason
from cadc.ledger.store import Ledger
from cadc.paths import cache_dir, runs_dir
from cadc.pipeline.settings import Settings
from cadc.training.device import device_of_accelerator

FEWER = "set a lower sampler.rate, embedding.dim or trainer.batch_size, or embedding=hashing with embedding.ratio"
"""How a run gets by with less memory."""


def check_room(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """Yield what a run will need, and whether there is as much.

    Parameters
    ----------
    settings : of the run.
    ledger : whose records may tell how large its log is.
    """
    size = size_of_log(settings, ledger)
    memory = free_memory()
    if size is None:
        room = [f"{in_words(memory)} of memory"] if memory is not None else []
        room += [f"{in_words(free_disk(folder))} of disk for {name}" for name, folder in _folders().items()]
        yield Finding(
            "need",
            "note",
            f"the size of this log is not known before it is read; free are {', '.join(room)}",
            "docs/how-to/large-logs.md says what a row takes",
        )
        return
    n_processes = processes_here(settings)
    need = need_of(settings, size, n_processes)
    yield Finding("log", "ok", f"{size.n_rows:,} rows, {size.n_values:,} table rows ({size.source})")
    if memory is not None:
        yield room_in_memory(need, memory, n_processes)
    yield from room_on_device(settings, need)
    yield from room_on_disk(need)


def processes_here(settings: Settings) -> int:
    """Return how many processes of this machine would train a run."""
    place = own_placement()
    asked = 1 if settings.fit is None else int(settings.fit.option("devices"))
    return asked if place is None else max(asked, place.local_size)


def room_in_memory(need: Need, free: int, n_processes: int = 1) -> Finding:
    """Return whether there is memory for a run.

    Parameters
    ----------
    need : of the run.
    free : bytes.
    n_processes : that share the memory.
    """
    who = "the run" if n_processes == 1 else f"{n_processes} processes of the run"
    text = f"{who} will take about {in_words(need.memory)}, and {in_words(need.pages)} for its files; "
    text += f"{in_words(free)} are free"
    if need.memory > free:
        return Finding("memory", "wrong", text, FEWER)
    if need.memory + need.pages > free:
        return Finding("memory", "note", text, "set trainer.shuffle=blocks, since files will be read from disk again")
    return Finding("memory", "ok", text)


def room_on_device(settings: Settings, need: Need) -> Iterator[Finding]:
    """Yield whether there is memory on the GPU that a run is trained on; nothing without one."""
    try:
        device = (
            torch.device("cpu") if settings.fit is None else device_of_accelerator(settings.fit.option("accelerator"))
        )
    except NoDevice:
        return  # another finding says so
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        text = f"the GPU will hold about {in_words(need.device)}; {in_words(free)} are free"
        is_enough = need.device <= free
        yield Finding("gpu memory", "ok" if is_enough else "wrong", text, "" if is_enough else FEWER)


def _folders() -> dict[str, Path]:
    return {"runs": runs_dir(), "cache": cache_dir()}


def room_on_disk(need: Need) -> Iterator[Finding]:
    """Yield whether there is room on the disks of runs and cache, which may be the same one."""
    wanted = {"runs": need.runs, "cache": need.cache}
    by_disk: dict[int, list[str]] = {}
    for name, folder in _folders().items():
        try:
            by_disk.setdefault(existing(folder).stat().st_dev, []).append(name)
        except OSError as error:
            yield Finding("disk", "wrong", f"{folder} cannot be reached: {reason(error)}", "name another folder")
    for names in by_disk.values():
        needed, free = sum(wanted[name] for name in names), free_disk(_folders()[names[0]])
        text = f"{' and '.join(names)} will take about {in_words(needed)}; {in_words(free)} are free"
        if needed > free:
            variables = " or ".join(f"CADC_{name.upper()}" for name in names)
            yield Finding("disk", "wrong", text, f"make room (`cadc cache clean`), or set {variables} to a larger disk")
        else:
            yield Finding("disk", "ok", text)


def free_disk(folder: Path) -> int:
    """Return the bytes that are free on the disk of a folder, which may not exist yet; 0 if it cannot be reached."""
    try:
        return shutil.disk_usage(existing(folder)).free
    except OSError:
        return 0


def free_memory(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes of memory that this process can get: of the machine, or of its job or container if fewer.

    None on a system that does not tell.
    """
    match = re.search(r"MemAvailable:\s+(\d+) kB", _text(proc / "meminfo"))
    found = [int(match[1]) * 1024] if match else []
    own = re.search(r"^0::/(.*)$", _text(proc / "self" / "cgroup"), re.MULTILINE)
    group = cgroups / own[1] if own else cgroups
    for folder in (group, *group.parents):
        limit, used = _text(folder / "memory.max"), _text(folder / "memory.current")
        if limit.strip().isdigit() and used.strip().isdigit():
            found.append(max(0, int(limit) - int(used)))
        if folder == cgroups:
            break
    return min(found, default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def in_words(n_bytes: float) -> str:
    """Return a number of bytes in words.

    >>> in_words(426e6), in_words(104.5e9), in_words(3e12)
    ('426 MB', '104.5 GB', '3.0 TB')
    """
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if n_bytes >= size:
            return f"{n_bytes / size:,.1f} {unit}"
    return f"{n_bytes / 1e6:,.0f} MB"
