"""Nothing leaves the machine: a run that is not logged elsewhere opens no socket and starts nothing that could."""

import pytest

from tests.support.commands import TINY, process, runs

WATCH = """
import sys
started = []
def watch(event, values):
    if event.startswith("socket."):
        raise RuntimeError(f"{event} is forbidden")
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        started.append(values[0] if isinstance(values[0], str) else repr(values[0]))
sys.addaudithook(watch)
"""
"""Refuses all that has to do with sockets, and notes the processes that are started: they are not watched."""

COMMAND = """
from cadc.cli import main
status = main(sys.argv[1:])
print(status, sorted({name.rpartition("/")[2] for name in started} - {"git", "uname"}), "wandb" in sys.modules)
"""


@pytest.mark.parametrize("words", [["initializer=mf"], ["model=bias", "logger=none"]])
def test_a_run_that_is_not_logged_needs_no_socket_and_no_wandb(words):
    answer = process(["-c", WATCH + COMMAND, "train", *TINY, *words])
    assert answer.out.splitlines()[-1] == "0 [] False", answer.err
    assert len(runs()) == 1


def test_the_watch_sees_a_logger(tmp_path):
    words = ["model=bias", "logger=wandb", f"logger.folder={tmp_path / 'offline'}"]
    answer = process(["-c", WATCH + COMMAND, "train", *TINY, *words])
    status, started = answer.out.splitlines()[-1].split(" ", 1)
    assert (status, started.count("python")) == ("0", 1), answer.err
    assert started.endswith("False"), "wandb is loaded by the other process alone"


@pytest.mark.parametrize("opening", ["socket.socket()", "socket.getaddrinfo('localhost', 80)"])
def test_the_watch_refuses_a_socket(opening):
    answer = process(["-c", f"{WATCH}import socket\n{opening}"])
    assert "is forbidden" in answer.err


def test_a_command_other_than_a_run_needs_no_socket_either():
    answer = process(["-c", WATCH + COMMAND, "train", *TINY, "--dry-run"])
    assert answer.out.splitlines()[-1] == "0 [] False", answer.err
