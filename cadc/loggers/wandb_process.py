"""Talks to wandb through a separate process, in bounded time, and keeps its key out of messages."""

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
"""Seconds that wandb may take to begin a run, and to send the rest of it."""

RETRIES = 3
"""Number of times that a request is repeated, after 1, 2 and 4 seconds."""

SLACK_S = 30.0
"""Further seconds after which the process is killed."""

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
"""Environment variables that describe another run; our runs are described by their record."""

ANSWER = "cadc: "
"""Prefix of the worker's answer, which tells it from what wandb prints."""

LOST = ("will not be synced", "Problem finishing run")
"""What wandb prints if it ends without an error although something did not arrive."""


class WandbError(CadcError):
    """Wandb rejected what it was sent, or did not answer."""


class NoAccess(WandbError):
    """The key is missing or rejected, so that nothing can be sent."""


def server_name() -> str:
    """Return the name of the server in `WANDB_BASE_URL`, under which notes of what was sent are kept."""
    return urlsplit(os.environ.get("WANDB_BASE_URL", "")).netloc or "default"


def talk(init: dict[str, Any], content: dict[str, Any], folder: Path) -> str | None:
    """Create a wandb run in a separate process; return its URL, if it has one.

    Parameters
    ----------
    init : arguments of `wandb.init`.
    content : what to log, see `cadc.loggers.content`.
    folder : for wandb's files.

    Raises
    ------
    WandbError : if wandb is not reachable, has no key, rejects the run or takes too long.
    """
    request = {"init": init | {"dir": str(folder)}, "settings": settings(), "content": content}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as question,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        # Files, not pipes: wandb's server process keeps them open after the worker has ended.
        json.dump(request, question)
        question.seek(0)
        worker = subprocess.Popen(
            # -P: neither our `wandb.py` nor a folder `wandb` of the user shadows the library.
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
            raise WandbError(f"wandb took more than {INIT_TIMEOUT_S + FINISH_TIMEOUT_S + SLACK_S:g} s") from None
        finally:
            _end(worker)
        return _address(_text(out), _text(err))


def settings() -> dict[str, Any]:
    """Return wandb's settings: nothing about the machine, the repository or the terminal is collected."""
    retries = {
        f"x_{channel}_retry_{name}": value
        for channel in ("graphql", "file_stream", "file_transfer")
        for name, value in (("max", RETRIES), ("wait_min_seconds", 1), ("wait_max_seconds", 4))
    }
    return retries | {
        "init_timeout": INIT_TIMEOUT_S,
        "finish_timeout": FINISH_TIMEOUT_S,
        "finish_timeout_raises": True,
        # Without a key wandb raises instead of asking for one.
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
    """Return the worker's environment, without the key if nothing is sent."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_RUN}
    if not online:
        kept.pop("WANDB_API_KEY", None)
    # Crash reports would be sent to another server than the one that is set.
    kept["WANDB_ERROR_REPORTING"] = "false"
    # Files of artifacts are copied there until they are sent: beside the run's other files, not into the home folder.
    kept |= {"WANDB_DATA_DIR": str(folder / "data"), "WANDB_CACHE_DIR": str(folder / "cache")}
    return kept


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """Kill the worker if it still runs; wandb's server process ends together with its parent."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


def _address(out: str, err: str) -> str | None:
    """Return the URL in the worker's answer, or raise the error in it."""
    answers = [line for line in out.splitlines() if line.startswith(ANSWER)]
    if not answers:
        raise WandbError(f"wandb ended without an answer ({_last_line(err)})")
    answer: dict[str, Any] = json.loads(answers[-1].removeprefix(ANSWER))
    if "error" in answer:
        raise _error(answer["kind"], answer["error"])
    if any(sign in err for sign in LOST):
        raise WandbError(f"{_server()} took only a part of it")
    url: str | None = answer["url"]
    return url


def _error(kind: str, message: str) -> WandbError:
    first = _without_key((message.splitlines() or [kind])[0])
    first = re.sub(r"^Failed to get resume status for run \S+: ", "", first)
    if "No API key configured" in first:
        return NoAccess("wandb has no key; set WANDB_API_KEY or run `wandb login`")
    if kind == "AuthenticationError":
        return NoAccess(f"{_server()} rejects the key ({first})")
    if kind in ("TimeoutError", "WaitTimeoutError"):
        return WandbError(f"{_server()} did not take it within {FINISH_TIMEOUT_S:g} s")
    if re.search("giving up after|deadline exceeded|Timed out", first):
        return WandbError(f"{_server()} does not answer as it should ({first})")
    return WandbError(f"{_server()} did not take it ({first})")


def _server() -> str:
    return f"wandb at {os.environ.get('WANDB_BASE_URL') or 'its own server'}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _without_key(lines[-1]) if lines else "it printed nothing"


def _without_key(text: str) -> str:
    key = os.environ.get("WANDB_API_KEY")
    return text.replace(key, "***") if key else text
