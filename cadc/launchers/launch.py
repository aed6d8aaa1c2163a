"""Launches tasks through Hydra's launchers: Ray, Slurm (submitit), joblib."""

import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cadc.errors import CadcError, UsageError
from cadc.launchers.engines import ENGINES, why
from cadc.launchers.worker import Places, Worker
from cadc.paths import runs_dir
from cadc.terminal.progress import say

LAUNCHER = "hydra/launcher"
OPTIONS = "hydra.launcher."

EXTRAS = {"ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm", "joblib": "joblib"}
"""Extra to install for each launcher: `pip install 'cadc[EXTRA]'`."""

PLUGINS = {"ray": "hydra_ray_launcher", "slurm": "hydra_submitit_launcher", "joblib": "hydra_joblib_launcher"}
"""Hydra's plug-in of each extra."""

DEFAULTS = {"submitit_slurm": {"max_num_timeout": 100}}
"""Our defaults of launcher options: a run that is out of time is queued again, since it resumes from its checkpoint."""

CALLED = re.compile(r"\$\{|_(target|args|partial|convert|recursive)_")
"""Parts of an override that would choose what is called."""


def split_launcher(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides of runs, and those of the launcher (`hydra/launcher=…`, `hydra.launcher.…=…`).

    Raises
    ------
    UsageError : for a launcher that does not exist or is not installed, options without a launcher, and overrides that
        would choose what is called.
    """
    launcher = [text for text in overrides if text.lstrip("+").startswith((f"{LAUNCHER}=", OPTIONS))]
    for text in launcher:
        if CALLED.search(text):
            raise UsageError(f"{text!r} is not allowed; choose a launcher by its name.")
    if not launcher:
        return list(overrides), []
    chosen = [text.partition("=")[2] for text in launcher if text.lstrip("+").startswith(f"{LAUNCHER}=")]
    if not chosen:
        raise UsageError(f"{launcher[0]!r} needs a launcher; add one of {_choices()}.")
    if len(chosen) > 1:
        raise UsageError(f"{LAUNCHER} is given {len(chosen)} times; choose one.")
    others = [text for text in overrides if text not in launcher]
    if chosen == ["basic"]:
        # Hydra's default, which runs in this process.
        return others, []
    if chosen[0] not in EXTRAS:
        raise UsageError(f"there is no launcher {chosen[0]!r}; choose one of {_choices()}.")
    if not _is_installed(chosen[0]):
        raise _not_installed(chosen[0])
    return others, launcher


def installed_launchers() -> list[str]:
    """Return the names of the launchers whose plug-ins are installed."""
    return [name for name in EXTRAS if _is_installed(name)]


def _choices() -> str:
    return ", ".join(f"{LAUNCHER}={name}" for name in EXTRAS)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(f"hydra_plugins.{PLUGINS[EXTRAS[name]]}") is not None
    except ModuleNotFoundError:
        return False


def _not_installed(name: str) -> UsageError:
    return UsageError(f"{LAUNCHER}={name} is not installed; run `pip install 'cadc[{EXTRAS[name]}]'`.")


def launch(tasks: Sequence[Callable[[], Any]], overrides: Sequence[str]) -> list[Any]:
    """Run tasks through a launcher, and return their results in order; the result of a failed task is a CadcError.

    Parameters
    ----------
    tasks : callables without arguments, which can be pickled.
    overrides : `hydra/launcher=NAME` and options of the launcher; see `split_launcher`.

    Raises
    ------
    UsageError : if the launcher cannot be loaded, or does not have an option.
    CadcError : if the launcher itself fails; finished runs stay finished.
    """
    (name,) = (text.partition("=")[2] for text in overrides if text.lstrip("+").startswith(f"{LAUNCHER}="))
    logs = runs_dir() / ".launched" / f"{platform.node()}-{os.getpid()}"
    launcher = _launcher(name, tasks, overrides, logs)
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
        raise CadcError(f"{LAUNCHER}={name}: {why(error)}; run the same command again to resume.") from error
    finally:
        if kept and any(path.is_file() for path in logs.rglob("*")):
            say(f"the launcher's own logs are in {logs}")
        else:
            shutil.rmtree(logs, ignore_errors=True)
            with suppress(OSError):  # other launches have their logs beside it
                logs.parent.rmdir()
    return results


def _launcher(name: str, tasks: Sequence[Callable[[], Any]], overrides: Sequence[str], logs: Path) -> Any:
    """Return Hydra's launcher, built from the overrides."""
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
                # Of two values for a key Hydra takes the last, which is the user's.
                "cadc_tasks",
                [f"hydra.sweep.dir='{folder}'", *own, *overrides],
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
