"""Nothing leaves the machine: a run that is not logged elsewhere opens no socket and starts nothing that could."""

import inspect
import sys

import pytest

from tests.support.commands import TINY, process, runs
from tests.support.processes import Command

INNOCENT = ("git", "uname")


def watch(event, values):
    """Refuse all that has to do with sockets, and note the processes that are started: they are not watched."""
    if event.startswith("socket."):
        raise RuntimeError(f"{event} is forbidden")
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        program = values[0] if isinstance(values[0], str) else repr(values[0])
        print(f"started {program.rpartition('/')[2]}", file=sys.stderr)


def be_watched():
    sys.addaudithook(watch)
    sys.modules["wandb"] = None  # importing it is an error


def started(answer):
    found = [line.removeprefix("started ") for line in answer.err.splitlines() if line.startswith("started ")]
    return [program for program in found if program not in INNOCENT]


WATCHED = f"""
import sys
{inspect.getsource(watch)}
{inspect.getsource(be_watched)}
be_watched()
"""


def test_a_run_that_is_not_logged_needs_no_socket_and_no_wandb():
    """Nor does anything that it imports."""
    command = "from cadc.cli import main\nsys.exit(main(sys.argv[1:]))"
    answer = process(["-c", WATCHED + command, "train", *TINY, "initializer=mf"])
    assert (answer.status, started(answer)) == (0, []), answer.err
    assert len(runs()) == 1


@pytest.mark.parametrize("overrides", [["model=bias", "logger=none"], ["--dry-run"]])
def test_neither_does_a_control_nor_a_plan(overrides, tmp_path):
    answer = Command(["train", *TINY, *overrides], tmp_path, setup=be_watched).answer()
    assert (answer.status, started(answer)) == (0, []), answer.err


def test_the_watch_sees_a_logger(tmp_path):
    overrides = ["model=bias", "logger=wandb", f"logger.folder={tmp_path / 'offline'}"]
    answer = Command(["train", *TINY, *overrides], tmp_path, setup=be_watched).answer()
    assert answer.status == 0, answer.err
    assert [program.startswith("python") for program in started(answer)] == [True], "wandb runs in another process"


@pytest.mark.parametrize("opening", ["socket.socket()", "socket.getaddrinfo('localhost', 80)"])
def test_the_watch_refuses_a_socket(opening):
    answer = process(["-c", f"{WATCHED}import socket\n{opening}"])
    assert "is forbidden" in answer.err
