"""A Ray that is there for a while: the one that runs, or one of this machine's own."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from cadc.errors import CadcError, reason
from cadc.launchers.replaced import replaced


@contextmanager
def ray_session(asked: Mapping[str, Any]) -> Iterator[None]:
    """Start Ray, or connect to a running one, and shut it down afterwards, unless the caller started it.

    Parameters
    ----------
    asked : options of `ray.init`; without an address, `RAY_ADDRESS` counts.

    Raises
    ------
    CadcError : if nothing answers at the address.
    """
    # Nothing leaves the machine unless asked.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns that the default will change.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray._private import worker

    if ray.is_initialized():
        yield
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False, "include_dashboard": False}
    options = quiet | dict(asked)
    _require_reachable(str(options.get("address") or os.environ.get("RAY_ADDRESS", "")))
    # Ray reports dead workers, which it restarts, on standard output, where only paths of records belong.
    silence = (worker, "print_to_stdstream", lambda *arguments, **options: None)
    with replaced(*silence) if not options["log_to_driver"] else nullcontext():
        try:
            # The launcher uses a Ray that is already started; its own start cannot connect to a cluster.
            with _handler_kept(signal.SIGTERM):
                ray.init(**options)
            yield
        finally:
            ray.shutdown()


@contextmanager
def _handler_kept(number: int) -> Iterator[None]:
    """Give a signal the caller's handler back, whatever was installed inside the `with` block.

    Ray's own ends the process amid its work, for as long as the process lives.
    """
    before = signal.getsignal(number)
    try:
        yield
    finally:
        # Only the main thread can set a handler; Ray sets none in others either.
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, before)


def _require_reachable(address: str) -> None:
    """Raise a CadcError if nothing answers at HOST:PORT, where Ray would retry for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        why = reason(error)
        raise CadcError(f"Ray does not answer at {address} ({why}); start it, or correct the address.") from error
