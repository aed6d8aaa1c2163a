"""How this machine computes: cores, threads, denormal numbers, and the device that the run asks for."""

import os
import platform
from collections.abc import Iterator

import torch

from cadc import __version__
from cadc.diagnosis.finding import Finding
from cadc.distributed.placement import own_placement
from cadc.errors import CadcError, NoDevice, one_line
from cadc.pipeline.settings import Settings
from cadc.pipeline.several import asks_for_several, require_several
from cadc.provenance.environment import environment
from cadc.provenance.threads import share_flushed, threads
from cadc.terminal.counted import counted
from cadc.training.device import device_of_accelerator

LARGEST_ERROR = 2e-2
"""Largest error of a product of two matrices of 256 rows, which TF32 may compute with 10 bits."""


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Yield what the machine is, and how it computes.

    Parameters
    ----------
    settings : of the run that was asked for.
    """
    about = environment()
    cores = usable_cores()
    yield Finding(
        "system",
        "ok",
        f"cadc {__version__}, Python {about['python']}, torch {torch.__version__}, {platform.system()} on "
        f"{about['cpu'] or platform.machine()}",
    )
    yield from check_threads(settings.threads, cores)
    yield from check_devices(settings)


def usable_cores() -> int:
    """Return the number of cores that this process may use, which a job or a container may limit."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def check_threads(n: int, cores: int) -> Iterator[Finding]:
    """Yield whether the threads of a run have cores, and whether they take denormal numbers for 0.

    Parameters
    ----------
    n : threads of the run.
    cores : that this process may use.
    """
    asked = f"{counted(n, 'thread')} on {counted(cores, 'core')}"
    if n > cores:
        yield Finding(
            "threads",
            "note",
            f"{asked}: they wait for one another",
            f"set threads={cores}, or ask for more cores; other numbers of threads may give other last digits",
        )
    else:
        yield Finding("threads", "ok", asked)
    with threads(n):
        share = share_flushed()
    if share == 1:
        yield Finding("denormals", "ok", "all threads take denormal numbers for 0, as those of every run do")
    else:
        yield Finding(
            "denormals",
            "note",
            f"{1 - share:.0%} of the work is done by threads that compute with denormal numbers, which takes up to 30 "
            "times as long",
            "set threads=1, or install a torch whose torch.set_flush_denormal(True) returns True",
        )


def check_devices(settings: Settings) -> Iterator[Finding]:
    """Yield whether the device that a run asks for is there and computes, and whether there are as many as it asks for.

    Parameters
    ----------
    settings : of the run.
    """
    accelerator = "cpu" if settings.fit is None else str(settings.fit.option("accelerator"))
    try:
        device = device_of_accelerator(accelerator)
    except NoDevice as error:
        yield Finding("device", "wrong", str(error))
        return
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    off_by = error_of_product(device)
    if off_by <= LARGEST_ERROR:
        yield Finding("device", "ok", f"trainer.accelerator={accelerator} is {device.type} {name}".strip())
    else:
        yield Finding(
            "device",
            "wrong",
            f"a product of two matrices on {device} is off by {off_by:.3g}; expected at most {LARGEST_ERROR:g}",
            "test the device and its driver, or set trainer.accelerator=cpu",
        )
    place = own_placement()
    if asks_for_several(settings, place):
        try:
            require_several(settings, place)
        except CadcError as refusal:
            yield Finding("processes", "wrong", one_line(str(refusal)))


def error_of_product(device: torch.device) -> float:
    """Return the largest error of a product of two random matrices, float32, on a device; NaN or inf if it has one."""
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 256, 256, generator=generator)
    found = (left.to(device) @ right.to(device)).cpu().double()
    # Entries of the product have a standard deviation of 16.
    return float((found - left.double() @ right.double()).abs().max() / 16)
