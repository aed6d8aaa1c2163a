"""Processes that a run starts on its own machine, beside the one that leads it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from cadc.distributed.placement import Placement
from cadc.errors import one_line

PATIENCE = 5.0
"""Seconds in which a process that lost the others, or was told to end, is expected to do so."""


class LocalWorkers:
    """Python processes that end when this one does, however it does: then their standard input ends.

    They are started anew, not forked, since neither CUDA nor the threads of OpenMP survive a fork.

    Parameters
    ----------
    module : whose main program each one runs.
    places : of the processes.
    """

    def __init__(self, module: str, places: Sequence[Placement]) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._said: dict[int, IO[bytes]] = {}
        for place in places:
            said = self._said[place.rank] = tempfile.TemporaryFile()  # noqa: SIM115, it is closed by `end`
            self._processes[place.rank] = subprocess.Popen(
                [sys.executable, "-c", f"from {module} import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, **place.variables(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                # Ctrl-C is for the process that leads; what it does then ends these.
                start_new_session=True,
            )

    def lost(self) -> str | None:
        """Return what is known of a process that has ended, in a few words; None while all live."""
        ended = {rank: code for rank, own in self._processes.items() if (code := own.poll()) is not None}
        if not ended:
            return None
        # One that was killed is the cause, and others ended since they lost it.
        rank, code = min(ended.items(), key=lambda of: of[1])
        how = f"was ended by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with status {code}"
        last = self._last_line(rank)
        return f"process {rank} of the training {how}{f', after it said {last!r}' if last and code > 0 else ''}"

    def _last_line(self, rank: int) -> str:
        file = self._said[rank]
        file.seek(0)
        lines = file.read()[-4096:].decode(errors="replace").split("\n")
        return one_line(next((line.strip() for line in reversed(lines) if line.strip()), ""))

    def stop(self) -> None:
        """Tell all processes to end."""
        for own in self._processes.values():
            with suppress(OSError):
                own.terminate()

    def end(self) -> None:
        """End all processes, and wait for it."""
        self.stop()
        for rank, own in self._processes.items():
            try:
                own.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                own.kill()
                own.wait()
            if own.stdin is not None:
                with suppress(OSError):
                    own.stdin.close()
            self._said[rank].close()
