"""Which errors are a run's own: they follow from its configuration, data and code, and are recorded as its failure.

All others are trouble of the machine, and the run goes on when the same command is given again. What is not part of a
run's id, such as its device, must never decide what is recorded under that id.
"""

import errno
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor

from cadc.errors import CadcError, MachineTrouble, reason
from cadc.pipeline.settings import Settings

TROUBLE = (
    MachineTrouble,
    OSError,  # disk, permission, network, a file that vanished
    MemoryError,
    EOFError,  # a truncated file, or a process that ended
    ImportError,  # a library that is not installed, or does not load
    UnicodeEncodeError,  # the terminal's encoding
    BrokenExecutor,
    multiprocessing.ProcessError,
    subprocess.SubprocessError,
)
"""Classes of errors that say that something outside the run went wrong."""

TEXTS = (
    "allocate memory",
    "out of memory",
    "shared memory",
    "unable to mmap",
    "start new thread",
    "closed file",
    "No space left",
    "os error",  # of safetensors
    "inline_container",  # of torch, which cannot write a checkpoint
    "Too many open files",
    "DataLoader worker",
    "CUDA",
    "cuda",
    "cuDNN",
    "CUDNN",
    "CUBLAS",
    "NCCL",
    "NVIDIA",
    "HIP error",
    "MPS",
)
"""Texts by which alone errors of libraries can be told: torch raises a RuntimeError or an AssertionError for them."""


def is_trouble(error: BaseException) -> bool:
    """Tell whether an error, or the error that it was raised from, says that something outside the run went wrong.

    >>> is_trouble(RuntimeError("CUDA error: device-side assert triggered")), is_trouble(ValueError("3 columns"))
    (True, False)
    """
    return any(_says_trouble(own) for own in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _says_trouble(error: BaseException) -> bool:
    if isinstance(error, (*TROUBLE, *_of_libraries())):
        return True
    return not isinstance(error, CadcError) and any(text in str(error) for text in TEXTS)


def _of_libraries() -> Iterator[type[BaseException]]:
    """Yield classes of errors of libraries that are loaded; one that is not loaded has raised nothing."""
    for module, name in (
        ("torch", "OutOfMemoryError"),
        ("torch", "AcceleratorError"),
        ("torch.distributed", "DistError"),
    ):
        if (found := getattr(sys.modules.get(module), name, None)) is not None:
            yield found


def is_of_the_run(error: BaseException, settings: Settings | None) -> bool:
    """Tell whether an error is the run's own, so that every attempt at it fails.

    An error that nobody foresaw counts only where the run was computed on the CPU: results of a device are not told
    apart by ids, so what happened on one decides nothing about the others.

    Parameters
    ----------
    error : that ended the run.
    settings : of the run; None if it has none yet.
    """
    if is_trouble(error):
        return False
    return isinstance(error, CadcError) or not _uses_device(settings)


def _uses_device(settings: Settings | None) -> bool:
    if settings is None or settings.fit is None:
        return False
    import torch

    if settings.fit.option("devices") > 1:
        return True
    chosen = settings.fit.option("accelerator")
    return chosen not in (None, "cpu") and (chosen != "auto" or torch.accelerator.is_available())


def as_cadc_error(error: Exception) -> CadcError:
    """Return an error as a one-sentence CadcError without its trace, which would keep model and data in memory."""
    if isinstance(error, CadcError):
        return type(error)(str(error))
    kind = MachineTrouble if is_trouble(error) else CadcError
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return kind(f"{error.filename or 'a file'}: {reason(error)}.")
    return kind(f"{type(error).__name__}: {error} (run it alone to see the trace)")
