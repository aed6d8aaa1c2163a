"""Talking to wandb through a process of its own, in bounded time and without its key in any message."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cadc.errors import CadcError

INIT_TIMEOUT_S, FINISH_TIMEOUT_S = 20.0, 60.0
"""How long wandb may take to begin a run, and to send the rest of it."""

RETRIES = 3
"""How often a request is tried again, after one second, two and four."""

SLACK_S = 30.0
"""How much longer the process may take in all before it is killed."""

OF_ANOTHER_RUN = (
    "WANDB_SERVICE",
    "WANDB_RUN_ID",
    "WANDB_RUN_GROUP",
    "WANDB_RESUME",
    "WANDB_SWEEP_ID",
    "WANDB_LAUNCH",
    "WANDB_TAGS",
    "WANDB_NOTES",
    "WANDB_NAME",
    "WANDB_MODE",
    "WANDB_DISABLED",
    "WANDB_SILENT",
    "WANDB_DIR",
)
"""Variables that describe some other run; ours are described by their record."""

ANSWER = "cadc: "
"""How the worker's answer begins; wandb also prints what it likes."""

LOST = ("will not be synced", "Problem finishing run")
"""What wandb prints where it ends without an error, yet something did not arrive."""


class MirrorError(CadcError):
    """Wandb did not take what it was sent."""


class NoAccessError(MirrorError):
    """There is no key, or it is not taken, so that nothing can be sent."""


def server_name() -> str:
    """Return a name for the server that is set (`WANDB_BASE_URL`), to tell marks of several apart."""
    return urlsplit(os.environ.get("WANDB_BASE_URL", "")).netloc or "default"


def talk(init: dict[str, Any], content: dict[str, Any], folder: Path) -> str | None:
    """Make one wandb run in a process of its own; return its address, if it has one.

    Parameters
    ----------
    init : arguments of `wandb.init`.
    content : what to log, see `cadc.loggers.content`.
    folder : where wandb keeps its files.

    Raises
    ------
    MirrorError : where wandb is not reachable, has no key, refuses or takes too long.
    """
    request = {"init": init | {"dir": str(folder)}, "settings": settings(), "content": content}
    with tempfile.TemporaryFile("w+") as question, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # Files, not pipes: wandb's own server process holds them open after the worker has ended.
        json.dump(request, question)
        question.seek(0)
        worker = subprocess.Popen(
            # -P: neither our folder, with its `wandb.py`, nor a folder `wandb` of the user's shadows the library.
            [sys.executable, "-P", str(Path(__file__).with_name("wandb_worker.py"))],
            stdin=question,
            stdout=out,
            stderr=err,
            env=environment(folder, online=init["mode"] == "online"),
            start_new_session=True,
        )
        try:
            worker.wait(INIT_TIMEOUT_S + FINISH_TIMEOUT_S + SLACK_S)
        except subprocess.TimeoutExpired:
            raise MirrorError(f"wandb took more than {INIT_TIMEOUT_S + FINISH_TIMEOUT_S + SLACK_S:g} s") from None
        finally:
            _end(worker)
        return _address(_text(out), _text(err))


def settings() -> dict[str, Any]:
    """Return wandb's settings: nothing of the machine, the repository or the terminal is collected."""
    retries = {
        f"x_{channel}_retry_{name}": value
        for channel in ("graphql", "file_stream", "file_transfer")
        for name, value in (("max", RETRIES), ("wait_min_seconds", 1), ("wait_max_seconds", 4))
    }
    return retries | {
        "init_timeout": INIT_TIMEOUT_S,
        "finish_timeout": FINISH_TIMEOUT_S,
        "finish_timeout_raises": True,
        # No question is asked: without a key, wandb raises.
        "force": True,
        "quiet": True,
        "console": "off",
        "disable_code": True,
        "disable_git": True,
        "disable_job_creation": True,
        "host": "",
        "label_disable": True,
        "program": "cadc",
        "save_code": False,
        "x_disable_machine_info": True,
        "x_disable_meta": True,
        "x_disable_stats": True,
        "x_save_requirements": False,
    }


def environment(folder: Path, online: bool) -> dict[str, str]:
    """Return the worker's environment; where nothing is sent, without the key."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_RUN}
    if not online:
        kept.pop("WANDB_API_KEY", None)
    # Crash reports would go to another address than the server that was set.
    kept["WANDB_ERROR_REPORTING"] = "false"
    # Copies of an artifact's files wait there until they are sent: beside the run's other files, not in the home.
    kept |= {"WANDB_DATA_DIR": str(folder / "data"), "WANDB_CACHE_DIR": str(folder / "cache")}
    return kept


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """Kill the worker if it is still there; wandb's server process ends when it sees its parent gone."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


def _address(out: str, err: str) -> str | None:
    """Return the address that the worker answers, or raise what it says went wrong."""
    answers = [line for line in out.splitlines() if line.startswith(ANSWER)]
    if not answers:
        raise MirrorError(f"wandb ended without an answer ({_last_line(err)})")
    answer: dict[str, Any] = json.loads(answers[-1].removeprefix(ANSWER))
    if "error" in answer:
        raise _error(answer["kind"], answer["error"])
    if any(sign in err for sign in LOST):
        raise MirrorError(f"{_server()} took only a part of it")
    url: str | None = answer["url"]
    return url


def _error(kind: str, message: str) -> MirrorError:
    first = _without_key((message.splitlines() or [kind])[0])
    first = re.sub(r"^Failed to get resume status for run \S+: ", "", first)
    if "No API key configured" in first:
        return NoAccessError("wandb has no key; set WANDB_API_KEY or run `wandb login`")
    if kind == "AuthenticationError":
        return NoAccessError(f"{_server()} does not take the key ({first})")
    if kind in ("TimeoutError", "WaitTimeoutError"):
        return MirrorError(f"{_server()} did not take it within {FINISH_TIMEOUT_S:g} s")
    if re.search("giving up after|deadline exceeded|Timed out", first):
        return MirrorError(f"{_server()} does not answer as it should ({first})")
    return MirrorError(f"{_server()} did not take it ({first})")


def _server() -> str:
    return f"wandb at {os.environ.get('WANDB_BASE_URL') or 'its own server'}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _without_key(lines[-1]) if lines else "it said nothing"


def _without_key(text: str) -> str:
    key = os.environ.get("WANDB_API_KEY")
    return text.replace(key, "***") if key else text
