"""A process that prepares and factorises a generated log of many rows, and says what each took and its own memory."""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PASSES = 2
PERIOD = 0.02
"""Seconds between two looks at the memory."""


def generated(n_rows: int) -> tuple[str, ...]:
    """Return the overrides of a log whose users and items grow with its rows as those of published logs do."""
    n_users, n_items = max(100, n_rows // 150), max(100, n_rows // 1000)
    return ("data=synthetic", f"data.n_rows={n_rows}", f"data.n_users={n_users}", f"data.n_items={n_items}")


def main(arguments: Sequence[str]) -> None:
    """Print, as JSON, microseconds a row of each stage, and bytes a row of the memory beyond mapped files."""
    from cadc.pipeline.build import open_log
    from cadc.pipeline.settings import Settings

    n_rows, overrides = int(arguments[0]), arguments[1:]
    words = ["model=factorization", "factorization.dim=14", f"factorization.max_epochs={PASSES}", *overrides]
    settings = Settings.compose([*words, *generated(n_rows)])
    assert settings.factorization is not None
    micro = 1e6 / n_rows
    started = time.perf_counter()
    for _ in settings.source.build().read().chunks:
        pass
    generate = time.perf_counter() - started
    found = {"generate, µs a row": generate * micro}
    with own_memory() as peak:
        started = time.perf_counter()
        log = open_log(settings)
        found["prepare, µs a row"] = (time.perf_counter() - started - generate) * micro
    found["prepare, bytes a row"] = max(peak) / n_rows
    with own_memory() as peak:
        factors = settings.factorization.build().fit(log, log.rows("train"), 14, log.rows("validation"))
    found["factorise, µs a row and pass"] = factors[1]["seconds"] / factors[1]["epochs"] * micro
    found["factorise, bytes a row"] = max(peak) / n_rows
    found["most memory, MB"] = max(max(peak), found["prepare, bytes a row"] * n_rows) / 1e6
    print(json.dumps(found))


@contextmanager
def own_memory() -> Iterator[list[float]]:
    """Collect the bytes that the process holds beyond those of mapped files, less those at the start."""
    before, seen, ended = _bytes(), [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(PERIOD):
            seen.append(_bytes() - before)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _bytes() -> float:
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    match = re.search(r"RssAnon:\s+(\d+) kB", text)
    return 1024.0 * int(match[1]) if match else 0.0


if __name__ == "__main__":
    main(sys.argv[1:])
