"""Tasks on other processes and machines, by the launchers of Hydra: Ray, Slurm (submitit), joblib."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cadc.errors import CadcError, UsageError
from cadc.launchers.engines import ENGINES, why
from cadc.launchers.worker import Places, Worker
from cadc.paths import runs_dir

LAUNCHER = "hydra/launcher"
OPTIONS = "hydra.launcher."

EXTRAS = {"ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm", "joblib": "joblib"}
"""What to install for a launcher: `pip install 'cadc[EXTRA]'`."""

PLUGINS = {"ray": "hydra_ray_launcher", "slurm": "hydra_submitit_launcher", "joblib": "hydra_joblib_launcher"}
"""Hydra's plug-in by extra."""

DEFAULTS = {"submitit_slurm": {"max_num_timeout": 100}}
"""Options of ours where the user gives none: a run that is out of time is queued again, since it goes on from there."""

CALLED = re.compile(r"\$\{|_(target|args|partial|convert|recursive)_")
"""What a word contains that would choose what is called."""


def split_launcher(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words about runs, and those about the launcher (`hydra/launcher=…`, `hydra.launcher.…=…`).

    Raises
    ------
    UsageError : for a launcher that there is not or that is not installed, options of a launcher that was not chosen,
        and words that would choose what is called.
    """
    launcher = [word for word in words if word.lstrip("+").startswith((f"{LAUNCHER}=", OPTIONS))]
    for word in launcher:
        if CALLED.search(word):
            raise UsageError(f"{word!r} is not allowed; a launcher is chosen by its name.")
    if not launcher:
        return list(words), []
    chosen = [word.partition("=")[2] for word in launcher if word.lstrip("+").startswith(f"{LAUNCHER}=")]
    if not chosen:
        raise UsageError(f"{launcher[0]!r} needs a launcher: add one of {_choices()}.")
    if len(chosen) > 1:
        raise UsageError(f"{LAUNCHER} is given {len(chosen)} times; choose one.")
    others = [word for word in words if word not in launcher]
    if chosen == ["basic"]:
        # Hydra's own default, which works here and now as well.
        return others, []
    if chosen[0] not in EXTRAS:
        raise UsageError(f"there is no launcher {chosen[0]!r}; choose one of {_choices()}.")
    if not _is_installed(chosen[0]):
        raise _not_installed(chosen[0])
    return others, launcher


def _choices() -> str:
    return ", ".join(f"{LAUNCHER}={name}" for name in EXTRAS)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(f"hydra_plugins.{PLUGINS[EXTRAS[name]]}") is not None
    except ModuleNotFoundError:
        return False


def _not_installed(name: str) -> UsageError:
    return UsageError(f"{LAUNCHER}={name} is not installed; `pip install 'cadc[{EXTRAS[name]}]'` does so.")


def launch(tasks: Sequence[Callable[[], Any]], words: Sequence[str]) -> list[Any]:
    """Carry out tasks through a launcher, and return their results in order; a CadcError stands for one that failed.

    Parameters
    ----------
    tasks : callables without arguments, which can be pickled.
    words : `hydra/launcher=NAME` and options of the launcher; see `split_launcher`.

    Raises
    ------
    UsageError : where the launcher cannot be loaded or does not know an option.
    CadcError : where it fails as a whole; what was finished stays finished.
    """
    (name,) = (word.partition("=")[2] for word in words if word.lstrip("+").startswith(f"{LAUNCHER}="))
    logs = runs_dir() / ".launched" / f"{platform.node()}-{os.getpid()}"
    launcher = _launcher(name, tasks, words, logs)
    kept = False
    try:
        with ENGINES[name](launcher):
            returned = launcher.launch([[f"task={number}"] for number in range(len(tasks))], 0)
        results = [_result(answer.return_value) for answer in returned]
        kept = any(isinstance(result, CadcError) for result in results)
    except CadcError:
        raise
    except Exception as error:
        kept = True
        raise CadcError(f"{LAUNCHER}={name}: {why(error)}; the same command goes on from there.") from error
    finally:
        if kept and any(path.is_file() for path in logs.rglob("*")):
            print(f"the launcher's own logs are in {logs}", file=sys.stderr)
        else:
            shutil.rmtree(logs, ignore_errors=True)
            with suppress(OSError):  # others have theirs beside it
                logs.parent.rmdir()
    return results


def _launcher(name: str, tasks: Sequence[Callable[[], Any]], words: Sequence[str], logs: Path) -> Any:
    """Return Hydra's launcher, made from the words."""
    from hydra import initialize
    from hydra._internal.callbacks import Callbacks
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from hydra.errors import HydraException
    from hydra.types import HydraContext, RunMode
    from omegaconf.errors import OmegaConfBaseException

    ConfigStore.instance().store(name="cadc_tasks", node={"task": 0})
    folder = str(logs).replace("'", r"\'")
    own = ["hydra/hydra_logging=none", "hydra/job_logging=none", "hydra.output_subdir=null"]
    own += [f"{OPTIONS}{key}={value}" for key, value in DEFAULTS.get(name, {}).items()]
    try:
        with initialize(config_path=None, job_name="cadc", version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            config = hydra.config_loader.load_configuration(
                # Of two values for one key Hydra takes the later, which is the user's.
                "cadc_tasks",
                [f"hydra.sweep.dir='{folder}'", *own, *words],
                RunMode.MULTIRUN,
            )
            return Plugins.instance().instantiate_launcher(
                hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks()),
                task_function=Worker(tasks, Places.here()),
                config=config,
            )
    except ImportError as error:
        raise _not_installed(name) from error
    except (HydraException, OmegaConfBaseException) as error:
        if f"launcher/{name}" in str(error):
            raise _not_installed(name) from error
        raise UsageError(f"{LAUNCHER}={name}: {str(error).splitlines()[0]}") from error


def _result(returned: Any) -> Any:
    kind, value = returned
    if kind == "done":
        return value
    message, status = value
    return UsageError(message) if status == UsageError.exit_status else CadcError(message)
